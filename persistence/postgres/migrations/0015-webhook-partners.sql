-- What webhooks need to know of a partner: the secret before the present one, and whether its
-- endpoint said that it is gone. And ways to add events that aren't an order's.
-- depends: 0014-webhook-circuits

ALTER TABLE webhook_attempts ADD COLUMN answer text CHECK (octet_length(answer) <= 2048);

ALTER TABLE partners
  ADD COLUMN previous_webhook_secret_sealed bytea,
  ADD COLUMN previous_webhook_secret_until timestamptz,
  ADD COLUMN webhook_gone_at timestamptz;
COMMENT ON COLUMN partners.webhook_gone_at IS
  'Since when nothing is sent to webhook_url, for it answered 410; NULL while events are sent.';

-- Whoever replaces the secret needs not think of it. Both are bound to the same record, so the
-- copy opens under its name. Whoever seals the same secrets anew sets both sealed values and
-- previous_webhook_secret_until in the same statement (to '-infinity' where there is none): then
-- nothing is copied.
CREATE FUNCTION keep_previous_webhook_secret() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.previous_webhook_secret_sealed := OLD.webhook_secret_sealed;
  NEW.previous_webhook_secret_until := now() + interval '24 hours';
  RETURN NEW;
END
$$;
CREATE TRIGGER keep_previous_webhook_secret BEFORE UPDATE OF webhook_secret_sealed ON partners
  FOR EACH ROW WHEN (
    OLD.webhook_secret_sealed IS DISTINCT FROM NEW.webhook_secret_sealed
    AND OLD.previous_webhook_secret_until IS NOT DISTINCT FROM NEW.previous_webhook_secret_until)
  EXECUTE FUNCTION keep_previous_webhook_secret();

-- Another URL, and another choice of events, is a new subscription.
CREATE FUNCTION webhook_is_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.webhook_gone_at := NULL;
  RETURN NEW;
END
$$;
CREATE TRIGGER webhook_is_back BEFORE UPDATE OF webhook_url, webhook_events ON partners
  FOR EACH ROW WHEN (
    OLD.webhook_url IS DISTINCT FROM NEW.webhook_url
    OR OLD.webhook_events IS DISTINCT FROM NEW.webhook_events)
  EXECUTE FUNCTION webhook_is_back();

-- Stores an event that isn't an order's where its partner has a URL and subscribes to its type; to
-- be called within the statement that does what it tells of. Its caller's rights decide.
CREATE FUNCTION tell_partner(
  event_id uuid, partner uuid, event_type text, key text, event_body bytea, at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.webhook_events
    (id, partner_id, position, type, dedup_key, body, due_at, created_at)
  SELECT event_id, id, 0, event_type, key, event_body, at, at FROM public.partners
  WHERE id = partner AND webhook_url IS NOT NULL AND event_type = ANY (webhook_events);
  RETURN FOUND;
END
$$;

-- A test event, which the gateway may add as well: it says in its body what it is, so that nobody
-- who can only test can tell a partner of a deposit.
CREATE FUNCTION send_test_event(event_id uuid, partner uuid, event_body bytea, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF convert_from(event_body, 'UTF8') NOT LIKE '{"event":"webhook.test",%' THEN
    RAISE EXCEPTION 'a test event says what it is';
  END IF;
  INSERT INTO public.webhook_events
    (id, partner_id, position, type, dedup_key, body, due_at, created_at)
  SELECT event_id, id, 0, 'webhook.test', 'test:' || event_id, event_body, at, at
  FROM public.partners WHERE id = partner AND webhook_url IS NOT NULL;
  RETURN FOUND;
END
$$;

REVOKE EXECUTE ON FUNCTION tell_partner, send_test_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tell_partner TO swapgate_settlement, swapgate_admin;
GRANT EXECUTE ON FUNCTION send_test_event TO swapgate_gateway, swapgate_admin;
GRANT UPDATE (webhook_gone_at) ON partners TO swapgate_gateway;
GRANT UPDATE (status, attempts, due_at, finished_at) ON webhook_events TO swapgate_admin;
