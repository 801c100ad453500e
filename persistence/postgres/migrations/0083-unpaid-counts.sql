-- Caps on the number of unpaid orders, beside those on their value; and an order of an IPv6 client counts
-- for its /64, and also for its /56 and /48, each with a larger cap.
-- depends: 0089-passkeys

-- The keyed hashes of the larger networks that `client` is in, as text, the next larger one first.
ALTER TABLE orders ADD COLUMN client_networks text[] CHECK (cardinality(client_networks) <= 8);
GRANT INSERT (client_networks) ON orders TO swapgate_gateway;

ALTER TABLE unpaid_caps ALTER COLUMN usd DROP NOT NULL,
  ADD COLUMN orders integer CHECK (orders >= 0),
  ADD CHECK (usd IS NOT NULL OR orders IS NOT NULL);
-- `budget` is the multiple of the cap that applies.
ALTER TABLE unpaid_totals ADD COLUMN orders bigint NOT NULL DEFAULT 0,
  ADD COLUMN budget integer NOT NULL DEFAULT 1;

-- The keys of an order's client and of the networks that it is in; null for a signed order.
CREATE FUNCTION unpaid_clients(client bytea, networks text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT encode(client, 'hex') || coalesce(networks, '{}') WHERE client IS NOT NULL
$$;

-- The totals that an order counts in, with their caps: those without a cap are omitted. A client's
-- networks have twice and four times its cap (domain/partners/unsigned_limits.py).
CREATE FUNCTION unpaid_scopes(partner uuid, from_page boolean, clients text[])
RETURNS TABLE (scope text, key text, budget integer, usd numeric, orders bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT one.scope, one.key, one.budget, caps.usd * one.budget, caps.orders::bigint * one.budget
  FROM (
    SELECT 'client', client.key, (2 ^ (client.position - 1))::integer
      FROM unnest(clients) WITH ORDINALITY AS client (key, position)
    UNION ALL SELECT 'page', '', 1 WHERE from_page
    UNION ALL SELECT 'partner', partner::text, 1 WHERE NOT from_page
  ) AS one (scope, key, budget)
  CROSS JOIN LATERAL (
    SELECT c.usd, c.orders FROM public.unpaid_caps c
    WHERE c.scope = one.scope AND c.key IN (one.key, '') ORDER BY c.key DESC LIMIT 1
  ) AS caps
$$;
REVOKE EXECUTE ON FUNCTION unpaid_clients, unpaid_scopes(uuid, boolean, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unpaid_clients, unpaid_scopes(uuid, boolean, text[]) TO swapgate_admin;
-- Where functions that run as their owner have an owner with few rights, it needs these.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'swapgate_functions_market') THEN
    GRANT EXECUTE ON FUNCTION unpaid_clients, unpaid_scopes(uuid, boolean, text[])
      TO swapgate_functions_market;
    GRANT SELECT (client_networks) ON orders TO swapgate_functions_market;
    GRANT SELECT (orders) ON unpaid_caps TO swapgate_functions_market;
    GRANT SELECT (orders, budget), INSERT (orders, budget), UPDATE (orders)
      ON unpaid_totals TO swapgate_functions_market;
  END IF;
END
$$;

-- Whatever changes a total shares a lock until its transaction ends, and a changed cap takes it alone:
-- otherwise an order that is being created might be counted by neither. Totals are locked in the order
-- of their keys, after reserves and the day's volume: triggers run in the order of their names.
CREATE OR REPLACE FUNCTION unpaid_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  exceeded text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('swapgate unpaid caps'));
  IF NOT EXISTS (SELECT FROM public.unpaid_caps) THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.unpaid_totals AS t (scope, key, budget, usd, orders)
    SELECT s.scope, s.key, s.budget, sum(o.worth_usd), count(*)
    FROM opened o CROSS JOIN LATERAL public.unpaid_scopes(
      o.partner_id, o.unsigned, public.unpaid_clients(o.client, o.client_networks)) AS s
    GROUP BY s.scope, s.key, s.budget ORDER BY s.scope, s.key
    ON CONFLICT (scope, key) DO UPDATE
      SET usd = t.usd + EXCLUDED.usd, orders = t.orders + EXCLUDED.orders;
  SELECT s.scope INTO exceeded
    FROM opened o CROSS JOIN LATERAL public.unpaid_scopes(
      o.partner_id, o.unsigned, public.unpaid_clients(o.client, o.client_networks)) AS s
    JOIN public.unpaid_totals t ON t.scope = s.scope AND t.key = s.key
    WHERE t.usd > s.usd OR t.orders > s.orders LIMIT 1;
  IF exceeded IS NOT NULL THEN
    RAISE EXCEPTION 'unpaid cap exceeded: %', exceeded;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION unpaid_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  client text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('swapgate unpaid caps'));
  IF NEW.state = 'awaiting_deposit' THEN
    INSERT INTO public.unpaid_totals AS t (scope, key, budget, usd, orders)
      SELECT s.scope, s.key, s.budget, NEW.worth_usd, 1
      FROM public.unpaid_scopes(NEW.partner_id, NEW.unsigned,
        public.unpaid_clients(NEW.client, NEW.client_networks)) AS s
      ORDER BY s.scope, s.key
      ON CONFLICT (scope, key) DO UPDATE
        SET usd = t.usd + EXCLUDED.usd, orders = t.orders + EXCLUDED.orders;
    RETURN NULL;
  END IF;
  IF NOT OLD.unsigned THEN
    UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd, orders = orders - 1
      WHERE scope = 'partner' AND key = OLD.partner_id::text;
    RETURN NULL;
  END IF;
  FOR client IN
    SELECT one.key FROM unnest(public.unpaid_clients(OLD.client, OLD.client_networks)) AS one (key)
    ORDER BY one.key
  LOOP
    UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd, orders = orders - 1
      WHERE scope = 'client' AND key = client;
    DELETE FROM public.unpaid_totals WHERE scope = 'client' AND key = client AND orders <= 0;
  END LOOP;
  UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd, orders = orders - 1
    WHERE scope = 'page';
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION unpaid_caps_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('swapgate unpaid caps'));
  DELETE FROM public.unpaid_totals;
  INSERT INTO public.unpaid_totals (scope, key, budget, usd, orders)
    SELECT s.scope, s.key, s.budget, sum(o.worth_usd), count(*)
    FROM public.orders o
    CROSS JOIN LATERAL public.unpaid_scopes(
      o.partner_id, o.unsigned, public.unpaid_clients(o.client, o.client_networks)) AS s
    WHERE o.state = 'awaiting_deposit' GROUP BY s.scope, s.key, s.budget;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_client() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.client := NULL;
  NEW.client_networks := NULL;
  RETURN NEW;
END
$$;

DROP FUNCTION unpaid_scopes(uuid, boolean, bytea);
-- Counts the orders of the totals that there are.
UPDATE unpaid_caps SET usd = usd;
