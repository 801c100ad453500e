-- Test events of every type, in a sandbox only: elsewhere a test states in its body that it is one,
-- so that whoever may only test cannot notify a partner of a payout. Their dedup key tells them from
-- facts.
-- depends: 0116-sandbox-steps

DROP FUNCTION enqueue_test_event(uuid, uuid, bytea, timestamptz);
CREATE FUNCTION enqueue_test_event(
  event_id uuid, partner uuid, event_type text, event_body bytea, at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF event_type <> 'webhook.test' AND NOT (SELECT s.sandbox FROM public.operator_settings s) THEN
    RAISE EXCEPTION 'a test event of type % outside of a sandbox', event_type;
  END IF;
  IF NOT starts_with(convert_from(event_body, 'UTF8'), '{"event":"' || event_type || '",') THEN
    RAISE EXCEPTION 'a test event states its type';
  END IF;
  INSERT INTO public.webhook_events
    (id, partner_id, position, type, dedup_key, body, due_at, created_at)
  SELECT event_id, id, 0, event_type, 'test:' || event_id, event_body, at, at
  FROM public.partners WHERE id = partner AND webhook_url IS NOT NULL;
  RETURN FOUND;
END
$$;
CALL set_function_owner('enqueue_test_event(uuid, uuid, text, bytea, timestamptz)', 'webhooks');
REVOKE EXECUTE ON FUNCTION enqueue_test_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enqueue_test_event TO swapgate_gateway, swapgate_admin;
GRANT SELECT (sandbox) ON operator_settings TO swapgate_functions_webhooks;
