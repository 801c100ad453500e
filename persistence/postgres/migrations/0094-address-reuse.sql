-- Pay-in addresses of orders that were never paid are watched for 90 days after their end, and may then
-- be given to another order where the operator allows it. No two orders have an address while either of
-- them is watched, and the deposits of an address are those of one order.
-- depends: 0081-function-owners

ALTER TABLE pay_in_accounts ADD COLUMN reuse boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN pay_in_accounts.reuse IS 'Whether addresses that were never paid to are reused.';

-- The orders that an address was taken from, while it is free or belongs to another order.
CREATE TABLE pay_in_releases (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  address_id bigint NOT NULL REFERENCES pay_in_addresses (id),
  released_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX pay_in_releases_address ON pay_in_releases (address_id, released_at DESC);
CREATE INDEX unclaimed_deposits_address ON unclaimed_deposits (address);
CREATE INDEX deposit_credits_address ON deposit_credits (address);

CREATE FUNCTION pay_in_watch_period() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT interval '90 days'
$$;

-- Why the address of an order cannot be given to another one; null if it can. Settlement sets the time
-- at which an order ended, but not when it was to expire: both have to be long past.
CREATE FUNCTION address_release_problem(wanted uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE
    WHEN o.state NOT IN ('expired', 'cancelled') OR o.finished_at IS NULL
      THEN 'its order is ' || o.state
    WHEN greatest(o.finished_at, o.expires_at) > now() - public.pay_in_watch_period()
      THEN 'its order is still watched'
    WHEN EXISTS (SELECT FROM public.deposits d WHERE d.order_id = o.id)
      OR EXISTS (SELECT FROM public.unclaimed_deposits u WHERE u.address = o.pay_in_address)
      OR EXISTS (SELECT FROM public.deposit_credits c WHERE c.address = o.pay_in_address)
      THEN 'a deposit is recorded'
    WHEN EXISTS (SELECT FROM public.outflows w WHERE w.order_id = o.id)
      OR EXISTS (SELECT FROM public.voided_outflows w WHERE w.order_id = o.id)
      OR EXISTS (SELECT FROM public.cancelled_outflows w WHERE w.order_id = o.id)
      THEN 'its order has an outflow'
  END
  FROM public.orders o WHERE o.id = wanted
$$;
REVOKE EXECUTE ON FUNCTION pay_in_watch_period, address_release_problem FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pay_in_watch_period, address_release_problem
  TO swapgate_settlement, swapgate_admin, swapgate_functions_chains;

-- Locks the account, then the order: what records a deposit locks the order too, and then reads whether
-- its address was released, so that one of the two sees the other.
CREATE FUNCTION address_is_released() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  problem text;
BEGIN
  PERFORM FROM public.pay_in_accounts a JOIN public.pay_in_addresses p ON p.network = a.network
    WHERE p.id = NEW.address_id AND a.reuse AND a.kind <> 'one-address' FOR SHARE OF a;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'address is not reused: its network does not allow it';
  END IF;
  PERFORM FROM public.orders o WHERE o.id = NEW.order_id FOR UPDATE;
  problem := public.address_release_problem(NEW.order_id);
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'address is not reused: %', problem;
  END IF;
  UPDATE public.pay_in_addresses SET order_id = NULL
    WHERE id = NEW.address_id AND order_id = NEW.order_id AND tag IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'address is not reused: it is not the address of the order alone';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER address_is_released AFTER INSERT ON pay_in_releases
  FOR EACH ROW EXECUTE FUNCTION address_is_released();

CREATE OR REPLACE FUNCTION address_is_reserved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.order_id IS NULL AND EXISTS (
      SELECT FROM public.pay_in_releases r
      WHERE r.order_id = OLD.order_id AND r.address_id = OLD.id) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a pay-in address is reserved for good';
END
$$;

-- The order that last had a free address gets it back, and is watched again. False if the address is not
-- free, or never belonged to an order.
CREATE FUNCTION return_address(wanted bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  last_order uuid;
BEGIN
  PERFORM FROM public.pay_in_addresses p WHERE p.id = wanted AND p.order_id IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM public.pay_in_releases WHERE order_id = (
    SELECT r.order_id FROM public.pay_in_releases r WHERE r.address_id = wanted
    ORDER BY r.released_at DESC LIMIT 1)
    RETURNING order_id INTO last_order;
  IF last_order IS NULL THEN
    RETURN false;
  END IF;
  UPDATE public.pay_in_addresses SET order_id = last_order WHERE id = wanted;
  RETURN true;
END
$$;

-- Without reuse no address that an order had before is given to another one, from this moment on.
CREATE FUNCTION set_address_reuse(wanted text, allowed boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.pay_in_accounts SET reuse = allowed WHERE network = wanted;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF NOT allowed THEN
    PERFORM public.return_address(p.id) FROM public.pay_in_addresses p
      WHERE p.network = wanted AND p.order_id IS NULL
        AND EXISTS (SELECT FROM public.pay_in_releases r WHERE r.address_id = p.id);
  END IF;
  RETURN true;
END
$$;

-- A deposit is recorded only for the order that has the address.
CREATE FUNCTION deposit_has_its_address() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM public.orders o WHERE o.id = NEW.order_id FOR KEY SHARE;
  IF EXISTS (SELECT FROM public.pay_in_releases r WHERE r.order_id = NEW.order_id) THEN
    RAISE EXCEPTION 'the address of order % was released', NEW.order_id;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER deposit_has_its_address BEFORE INSERT ON deposits
  FOR EACH ROW EXECUTE FUNCTION deposit_has_its_address();
CREATE TRIGGER deposit_has_its_address BEFORE INSERT ON unclaimed_deposits
  FOR EACH ROW EXECUTE FUNCTION deposit_has_its_address();

CALL set_function_owner('public.address_is_released()'::regprocedure, 'chains');
CALL set_function_owner('public.address_is_reserved()'::regprocedure, 'chains');
CALL set_function_owner('public.return_address(bigint)'::regprocedure, 'chains');
CALL set_function_owner('public.set_address_reuse(text, boolean)'::regprocedure, 'chains');
CALL set_function_owner('public.deposit_has_its_address()'::regprocedure, 'chains');

GRANT SELECT (network, kind, reuse), UPDATE (reuse) ON pay_in_accounts TO swapgate_functions_chains;
GRANT SELECT (id, network, tag, order_id), UPDATE (order_id)
  ON pay_in_addresses TO swapgate_functions_chains;
GRANT SELECT (order_id, address_id, released_at), DELETE
  ON pay_in_releases TO swapgate_functions_chains;
GRANT SELECT (expires_at, finished_at, pay_in_address) ON orders TO swapgate_functions_chains;
GRANT SELECT (address) ON unclaimed_deposits, deposit_credits TO swapgate_functions_chains;
GRANT SELECT (order_id) ON cancelled_outflows TO swapgate_functions_chains;

GRANT EXECUTE ON FUNCTION return_address TO swapgate_settlement;
GRANT EXECUTE ON FUNCTION set_address_reuse TO swapgate_admin;
GRANT SELECT, INSERT (order_id, address_id) ON pay_in_releases TO swapgate_settlement;
GRANT SELECT ON pay_in_releases TO swapgate_admin;
-- Settlement may set nothing of an account but its next index; the operator's command calls the function.
REVOKE UPDATE ON pay_in_accounts FROM swapgate_admin;
GRANT UPDATE (kind, public_key, next_index) ON pay_in_accounts TO swapgate_admin;
