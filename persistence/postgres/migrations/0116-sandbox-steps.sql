-- Partners of a sandbox request steps of their orders, which settlement performs. The gateway may
-- move no orders: it calls a function that refuses outside a sandbox, which a database is forever
-- or never (0008-sandbox.sql).
-- depends: 0112-api-keys

CREATE TABLE sandbox_steps (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders,
  step text NOT NULL,
  requested_at timestamptz NOT NULL,
  taken_at timestamptz,
  done_at timestamptz,
  result text
);
CREATE INDEX sandbox_steps_waiting ON sandbox_steps (requested_at, id) WHERE taken_at IS NULL;

CREATE FUNCTION request_sandbox_step(
  request uuid, partner uuid, wanted uuid, what text, at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT (SELECT s.sandbox FROM public.operator_settings s) THEN
    RETURN false;
  END IF;
  DELETE FROM public.sandbox_steps WHERE requested_at < at - interval '1 day';
  INSERT INTO public.sandbox_steps (id, order_id, step, requested_at)
  SELECT request, o.id, what, at FROM public.orders o
  WHERE o.id = wanted AND o.partner_id = partner AND o.deleted_at IS NULL;
  RETURN FOUND;
END
$$;

CREATE FUNCTION advance_sandbox_order(wanted uuid, seconds integer, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT (SELECT s.sandbox FROM public.operator_settings s) THEN
    RAISE EXCEPTION 'not a sandbox';
  END IF;
  IF seconds NOT BETWEEN 1 AND 604800 THEN
    RAISE EXCEPTION 'a clock is advanced by at most a week';
  END IF;
  UPDATE public.orders
  SET expires_at = expires_at - make_interval(secs => seconds), version = version + 1,
    updated_at = at
  WHERE id = wanted;
END
$$;

CALL set_function_owner('request_sandbox_step(uuid, uuid, uuid, text, timestamptz)', 'orders');
CALL set_function_owner('advance_sandbox_order(uuid, integer, timestamptz)', 'orders');
REVOKE EXECUTE ON FUNCTION request_sandbox_step, advance_sandbox_order FROM PUBLIC;
GRANT EXECUTE ON FUNCTION request_sandbox_step TO swapgate_gateway;
GRANT EXECUTE ON FUNCTION advance_sandbox_order TO swapgate_settlement;

GRANT SELECT (sandbox) ON operator_settings TO swapgate_functions_orders;
GRANT SELECT (id, requested_at), INSERT (id, order_id, step, requested_at), DELETE
  ON sandbox_steps TO swapgate_functions_orders;
GRANT SELECT (partner_id, expires_at), UPDATE (expires_at) ON orders TO swapgate_functions_orders;
GRANT SELECT ON sandbox_steps TO swapgate_gateway, swapgate_settlement;
GRANT UPDATE (taken_at, done_at, result) ON sandbox_steps TO swapgate_settlement;
