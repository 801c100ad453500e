-- Caps on what orders without a deposit are worth together: of a partner's signed calls, of the swap
-- page, and of one client address of the page. Orders that nobody pays cost nothing to create, and
-- each reserves a payout: without a cap, few clients could reserve everything.
-- depends: 0052-ledger-names

-- The keyed hash of the address that an unsigned order came from, until its deposit is seen.
ALTER TABLE orders ADD COLUMN client bytea CHECK (length(client) = 32),
  ADD COLUMN unsigned boolean NOT NULL DEFAULT false;
GRANT INSERT (client, unsigned) ON orders TO swapgate_gateway;

-- Without a row there is no cap. The empty key applies to every key without a row of its own.
CREATE TABLE unpaid_caps (
  scope text NOT NULL CHECK (scope IN ('client', 'page', 'partner')),
  key text NOT NULL DEFAULT '',
  usd numeric(38, 18) NOT NULL CHECK (usd >= 0),
  PRIMARY KEY (scope, key)
);

-- Only of what has a cap.
CREATE TABLE unpaid_totals (
  scope text NOT NULL,
  key text NOT NULL,
  usd numeric(38, 18) NOT NULL,
  PRIMARY KEY (scope, key)
);

-- The totals that an order counts in, with their caps: those without a cap are omitted.
CREATE FUNCTION unpaid_scopes(partner uuid, from_page boolean, address bytea)
RETURNS TABLE (scope text, key text, cap numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT one.scope, one.key, caps.usd
  FROM (VALUES
    ('client', encode(address, 'hex'), address IS NOT NULL),
    ('page', '', from_page),
    ('partner', partner::text, NOT from_page)
  ) AS one (scope, key, counts)
  CROSS JOIN LATERAL (
    SELECT c.usd FROM public.unpaid_caps c
    WHERE c.scope = one.scope AND c.key IN (one.key, '') ORDER BY c.key DESC LIMIT 1
  ) AS caps
  WHERE one.counts
$$;
REVOKE EXECUTE ON FUNCTION unpaid_scopes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unpaid_scopes TO swapgate_admin;

-- Totals are locked in the order of their keys, here and wherever else they change, and after
-- reserves and the day's volume: triggers run in the order of their names.
CREATE FUNCTION unpaid_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  exceeded text;
BEGIN
  IF NOT EXISTS (SELECT FROM public.unpaid_caps) THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.unpaid_totals AS t (scope, key, usd)
    SELECT s.scope, s.key, sum(o.worth_usd)
    FROM opened o CROSS JOIN LATERAL public.unpaid_scopes(o.partner_id, o.unsigned, o.client) AS s
    GROUP BY s.scope, s.key ORDER BY s.scope, s.key
    ON CONFLICT (scope, key) DO UPDATE SET usd = t.usd + EXCLUDED.usd;
  SELECT s.scope INTO exceeded
    FROM opened o CROSS JOIN LATERAL public.unpaid_scopes(o.partner_id, o.unsigned, o.client) AS s
    JOIN public.unpaid_totals t ON t.scope = s.scope AND t.key = s.key
    WHERE t.usd > s.cap LIMIT 1;
  IF exceeded IS NOT NULL THEN
    RAISE EXCEPTION 'unpaid cap exceeded: %', exceeded;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER unpaid_opened AFTER INSERT ON orders
  REFERENCING NEW TABLE AS opened
  FOR EACH STATEMENT EXECUTE FUNCTION unpaid_opened();

-- An order counts while it awaits its deposit, again if a deposit is dropped; then without its
-- client, whose address has been forgotten.
CREATE FUNCTION unpaid_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.state = 'awaiting_deposit' THEN
    INSERT INTO public.unpaid_totals AS t (scope, key, usd)
      SELECT s.scope, s.key, NEW.worth_usd
      FROM public.unpaid_scopes(NEW.partner_id, NEW.unsigned, NEW.client) AS s
      ORDER BY s.scope, s.key
      ON CONFLICT (scope, key) DO UPDATE SET usd = t.usd + EXCLUDED.usd;
    RETURN NULL;
  END IF;
  IF NOT OLD.unsigned THEN
    UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd
      WHERE scope = 'partner' AND key = OLD.partner_id::text;
    RETURN NULL;
  END IF;
  UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd
    WHERE scope = 'client' AND key = encode(OLD.client, 'hex');
  DELETE FROM public.unpaid_totals
    WHERE scope = 'client' AND key = encode(OLD.client, 'hex') AND usd <= 0;
  UPDATE public.unpaid_totals SET usd = usd - OLD.worth_usd WHERE scope = 'page';
  RETURN NULL;
END
$$;
CREATE TRIGGER unpaid_moved AFTER UPDATE OF state ON orders
  FOR EACH ROW WHEN ((OLD.state = 'awaiting_deposit') <> (NEW.state = 'awaiting_deposit'))
  EXECUTE FUNCTION unpaid_moved();

CREATE FUNCTION forget_client() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.client := NULL;
  RETURN NEW;
END
$$;
CREATE TRIGGER forget_client BEFORE UPDATE OF state ON orders
  FOR EACH ROW WHEN (OLD.client IS NOT NULL AND NEW.state <> 'awaiting_deposit')
  EXECUTE FUNCTION forget_client();

-- Totals are counted again when a cap changes. The lock waits for orders that are being created, and
-- makes new ones wait: otherwise one might be counted by neither.
CREATE FUNCTION unpaid_caps_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  LOCK TABLE public.orders IN SHARE MODE;
  DELETE FROM public.unpaid_totals;
  INSERT INTO public.unpaid_totals (scope, key, usd)
    SELECT s.scope, s.key, sum(o.worth_usd)
    FROM public.orders o
    CROSS JOIN LATERAL public.unpaid_scopes(o.partner_id, o.unsigned, o.client) AS s
    WHERE o.state = 'awaiting_deposit' GROUP BY s.scope, s.key;
  RETURN NULL;
END
$$;
CREATE TRIGGER unpaid_caps_changed AFTER INSERT OR UPDATE OR DELETE ON unpaid_caps
  FOR EACH STATEMENT EXECUTE FUNCTION unpaid_caps_changed();

GRANT SELECT ON unpaid_caps, unpaid_totals TO swapgate_gateway, swapgate_settlement;
GRANT SELECT, INSERT, UPDATE, DELETE ON unpaid_caps TO swapgate_admin;
GRANT SELECT ON unpaid_totals TO swapgate_admin;
