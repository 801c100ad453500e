-- What a partner's pages read: orders found by status, code, asset and time without looking through
-- all of them, and what each day has brought, kept as sums.
-- depends: 0034-team

-- All of them lead from the newest order to the oldest, for ids are made in the order of time, and
-- none has an order that its user has deleted; nor one that still waits for its deposit, so that
-- opening orders doesn't write to them: all of those are of the last half hour.
CREATE INDEX orders_pair ON orders (partner_id, source, destination, id)
  WHERE state <> 'awaiting_deposit' AND deleted_at IS NULL;
CREATE INDEX orders_code ON orders (code_id, id)
  WHERE code_id IS NOT NULL AND state <> 'awaiting_deposit' AND deleted_at IS NULL;
CREATE INDEX orders_state ON orders (partner_id, state, id)
  WHERE state <> 'awaiting_deposit' AND deleted_at IS NULL;
CREATE INDEX webhook_events_dead ON webhook_events (partner_id, id) WHERE status = 'dead';

-- One trigger for all that is counted when orders open: each costs every opening a call. Codes first,
-- as wherever else they are counted.
CREATE OR REPLACE FUNCTION orders_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  promise record;
  cap numeric;
  exceeded boolean;
BEGIN
  IF EXISTS (SELECT FROM opened WHERE code_id IS NOT NULL) THEN
    INSERT INTO public.code_totals AS t (code_id, part, orders)
    SELECT code_id, public.part_of_session(), count(*) FROM opened
    WHERE code_id IS NOT NULL GROUP BY code_id ORDER BY code_id
    ON CONFLICT (code_id, part) DO UPDATE SET orders = t.orders + EXCLUDED.orders;
  END IF;
  FOR promise IN
    SELECT destination AS asset, sum(destination_amount + network_fee) AS amount
    FROM opened GROUP BY destination ORDER BY destination
  LOOP
    UPDATE public.reserves r SET promised = r.promised + promise.amount
      WHERE r.asset = promise.asset
      RETURNING r.promised > r.amount INTO exceeded;
    IF exceeded THEN
      RAISE EXCEPTION 'reserve exceeded';
    END IF;
  END LOOP;
  SELECT daily_cap_usd INTO cap FROM public.operator_settings;
  IF cap IS NOT NULL THEN
    INSERT INTO public.daily_volume AS d (day, usd)
      SELECT public.utc_day(created_at), sum(worth_usd) FROM opened
      GROUP BY public.utc_day(created_at) ORDER BY public.utc_day(created_at)
      ON CONFLICT (day) DO UPDATE SET usd = d.usd + EXCLUDED.usd;
    IF EXISTS (SELECT FROM public.daily_volume d
        WHERE d.usd > cap AND d.day IN (SELECT public.utc_day(created_at) FROM opened)) THEN
      RAISE EXCEPTION 'daily cap exceeded';
    END IF;
  END IF;
  RETURN NULL;
END
$$;
DROP TRIGGER count_orders_of_codes ON orders;
DROP FUNCTION count_orders_of_codes;

-- In several rows a day, as code_totals in 0011-codes.sql. Days are UTC's. An order counts on the day
-- it was opened, money on the day it was posted.
CREATE TABLE partner_days (
  partner_id uuid NOT NULL REFERENCES partners (id),
  day date NOT NULL,
  part smallint NOT NULL,
  orders bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  volume_usd numeric NOT NULL DEFAULT 0,
  markup_usd numeric NOT NULL DEFAULT 0,
  base_fee_share_usd numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (partner_id, day, part)
) WITH (fillfactor = 70);

-- Orders are counted a minute later, many at once, so that opening one costs nothing: whoever reads
-- the counts adds the orders above `up_to`, which are few.
CREATE TABLE counted_orders (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  up_to uuid NOT NULL
);

-- The least UUIDv7 of a millisecond (RFC 9562).
CREATE FUNCTION first_id_at(moment timestamptz) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Adds orders that opened a minute ago or earlier, at most 50,000 a call; returns how many. By then
-- they are committed: a statement ends after seconds.
CREATE FUNCTION count_orders() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  began uuid;
  ends uuid := public.first_id_at(now() - interval '1 minute');
  most CONSTANT bigint := 50000;
  found bigint;
  last uuid;
BEGIN
  SELECT up_to INTO began FROM public.counted_orders FOR UPDATE;
  SELECT count(*), (array_agg(id ORDER BY id DESC))[1] INTO found, last FROM (
    SELECT id FROM public.orders WHERE id > began AND id < ends ORDER BY id LIMIT most) AS next;
  IF found = 0 THEN
    RETURN 0;
  END IF;
  INSERT INTO public.partner_days AS t (partner_id, day, part, orders)
  SELECT partner_id, public.utc_day(created_at), 0, count(*) FROM public.orders
  WHERE id > began AND id <= last GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (partner_id, day, part) DO UPDATE SET orders = t.orders + EXCLUDED.orders;
  UPDATE public.counted_orders SET up_to = last;
  RETURN found;
END
$$;
REVOKE EXECUTE ON FUNCTION count_orders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_orders TO swapgate_settlement;

CREATE OR REPLACE FUNCTION sum_earnings_of_partners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.partner_totals AS t
    (partner_id, part, volume_usd, markup_usd, base_fee_share_usd, paid_usd, cleared_usd)
  SELECT partner_id, public.part_of_session(),
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'payouts'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'clearings'), 0)
  FROM posted WHERE partner_id IS NOT NULL AND currency = 'USD'
  GROUP BY partner_id ORDER BY partner_id
  ON CONFLICT (partner_id, part) DO UPDATE SET
    volume_usd = t.volume_usd + EXCLUDED.volume_usd,
    markup_usd = t.markup_usd + EXCLUDED.markup_usd,
    base_fee_share_usd = t.base_fee_share_usd + EXCLUDED.base_fee_share_usd,
    paid_usd = t.paid_usd + EXCLUDED.paid_usd,
    cleared_usd = t.cleared_usd + EXCLUDED.cleared_usd;
  INSERT INTO public.partner_days AS t
    (partner_id, day, part, completed, volume_usd, markup_usd, base_fee_share_usd)
  SELECT partner_id, public.utc_day(created_at), public.part_of_session(),
    count(*) FILTER (WHERE account = 'customer_deposits'),
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0)
  FROM posted
  WHERE partner_id IS NOT NULL AND currency = 'USD'
    AND account IN ('customer_deposits', 'markup', 'base_fee_share')
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (partner_id, day, part) DO UPDATE SET
    completed = t.completed + EXCLUDED.completed,
    volume_usd = t.volume_usd + EXCLUDED.volume_usd,
    markup_usd = t.markup_usd + EXCLUDED.markup_usd,
    base_fee_share_usd = t.base_fee_share_usd + EXCLUDED.base_fee_share_usd;
  RETURN NULL;
END
$$;

INSERT INTO partner_days
  (partner_id, day, part, completed, volume_usd, markup_usd, base_fee_share_usd)
SELECT partner_id, utc_day(created_at), 0,
  count(*) FILTER (WHERE account = 'customer_deposits'),
  coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
  coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
  coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0)
FROM ledger_postings
WHERE partner_id IS NOT NULL AND currency = 'USD'
  AND account IN ('customer_deposits', 'markup', 'base_fee_share')
GROUP BY 1, 2;

INSERT INTO counted_orders (up_to) VALUES ('00000000-0000-0000-0000-000000000000');

GRANT SELECT ON partner_days, counted_orders TO swapgate_gateway, swapgate_admin;
