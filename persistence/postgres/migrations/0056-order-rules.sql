-- Terms of fixed rates, deposits too small to count, dust limits of networks, payouts checked against
-- the reserve, and deleted orders that receive a deposit.
-- depends: 0052-ledger-names

ALTER TABLE operator_settings
  ADD COLUMN fixed_premium_bps integer NOT NULL DEFAULT 0
    CHECK (fixed_premium_bps BETWEEN 0 AND 2000),
  ADD COLUMN fixed_confirm_minutes integer NOT NULL DEFAULT 180
    CHECK (fixed_confirm_minutes BETWEEN 1 AND 10080),
  ADD COLUMN fixed_exposure_cap_usd numeric(20, 2) CHECK (fixed_exposure_cap_usd > 0);

-- The greatest dust limit among the kinds of address of a network, in units of its coin.
ALTER TABLE networks ADD COLUMN dust_limit numeric(38, 18) NOT NULL DEFAULT 0
  CHECK (dust_limit >= 0);
UPDATE networks n SET dust_limit = limits.dust_limit
FROM (VALUES
  ('Bitcoin', 0.00000546),
  ('Litecoin', 0.0000546),
  ('Dogecoin', 0.01),
  ('Bitcoin Cash', 0.00000546),
  ('Dash', 0.00000546),
  ('Zcash', 0.00000054)
) AS limits (name, dust_limit) WHERE n.name = limits.name;

-- Worth about 0.10 USD: what a third party can send to a customer's address for next to nothing.
ALTER TABLE assets ADD COLUMN min_deposit numeric(38, 18) NOT NULL DEFAULT 0
  CHECK (min_deposit >= 0 AND min_deposit = trunc(min_deposit, precision));
UPDATE assets a SET min_deposit = least_amounts.min_deposit
FROM (VALUES
  ('BTC', 0.000001), ('ETH', 0.00003), ('LTC', 0.001), ('DOGE', 0.6), ('BCH', 0.0002),
  ('TRX', 0.8), ('USDT', 0.1), ('USDC', 0.1), ('DAI', 0.1), ('XMR', 0.0006), ('XRP', 0.2),
  ('SOL', 0.0006), ('TON', 0.015), ('BNB', 0.00015), ('POL', 0.15), ('ADA', 0.2),
  ('AVAX', 0.003), ('XLM', 0.9), ('DASH', 0.003), ('ZEC', 0.004), ('ATOM', 0.012)
) AS least_amounts (coin, min_deposit) WHERE a.coin = least_amounts.coin;

-- Every order that proceeds to its payout, whoever moves it: the reserve has to cover it together
-- with all other payouts that are due. The reserve's row is locked until the order is committed.
CREATE INDEX orders_paying_out ON orders (destination) WHERE state = 'paying_out';

CREATE FUNCTION payout_within_reserve() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  reserve numeric;
  due numeric;
BEGIN
  SELECT amount INTO reserve FROM public.reserves WHERE asset = NEW.destination FOR UPDATE;
  IF FOUND THEN
    SELECT sum(destination_amount + network_fee) INTO due FROM public.orders
      WHERE destination = NEW.destination AND state = 'paying_out';
    IF due > reserve THEN
      RAISE EXCEPTION 'reserve exceeded';
    END IF;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER payout_within_reserve AFTER UPDATE OF state ON orders
  FOR EACH ROW WHEN (NEW.state = 'paying_out' AND OLD.state <> 'paying_out')
  EXECUTE FUNCTION payout_within_reserve();

-- What is open at fixed rates: the operator loses what the market moves while these orders wait.
CREATE INDEX orders_open_at_fixed_rates ON orders (id) INCLUDE (worth_usd)
  WHERE rate_type = 'fixed' AND state IN ('awaiting_deposit', 'confirming');

CREATE FUNCTION fixed_exposure_usd() RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
RETURN (
  SELECT coalesce(sum(worth_usd), 0) FROM public.orders
  WHERE rate_type = 'fixed' AND state IN ('awaiting_deposit', 'confirming'));

-- The lock makes statements that open such orders wait for each other, so that the sum is exact.
-- It is taken after the locks of `orders_opened`, whose trigger is first by name.
CREATE FUNCTION orders_opened_at_fixed_rates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  cap numeric;
BEGIN
  SELECT fixed_exposure_cap_usd INTO cap FROM public.operator_settings;
  IF cap IS NOT NULL AND EXISTS (SELECT FROM opened WHERE rate_type = 'fixed') THEN
    PERFORM pg_advisory_xact_lock(hashtext('swapgate fixed exposure'));
    IF public.fixed_exposure_usd() > cap THEN
      RAISE EXCEPTION 'fixed exposure exceeded';
    END IF;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER orders_opened_at_fixed_rates AFTER INSERT ON orders
  REFERENCING NEW TABLE AS opened
  FOR EACH STATEMENT EXECUTE FUNCTION orders_opened_at_fixed_rates();

-- A dropped deposit does not prevent the deletion of its order. The order is locked first, so that a
-- deposit that is recorded at the same moment is seen.
CREATE OR REPLACE FUNCTION delete_order(wanted uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM public.orders WHERE id = wanted FOR UPDATE;
  UPDATE public.orders SET deleted_at = now()
  WHERE id = wanted AND deleted_at IS NULL
    AND state IN ('completed', 'expired', 'cancelled', 'refunded')
    AND NOT EXISTS (
      SELECT FROM public.deposits d
      WHERE d.order_id = wanted AND d.confirmed_at IS NULL AND NOT d.dropped);
  RETURN FOUND;
END
$$;

-- A deposit that arrives, or that reappears after it was dropped, restores its order: its partner
-- finds it, is notified, and can have it refunded.
CREATE FUNCTION order_restored() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders SET deleted_at = NULL
  WHERE id = NEW.order_id AND deleted_at IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE TRIGGER order_restored AFTER INSERT OR UPDATE OF dropped ON deposits
  FOR EACH ROW WHEN (NOT NEW.dropped) EXECUTE FUNCTION order_restored();

-- Orders that received a deposit after their deletion are restored now.
UPDATE orders SET deleted_at = NULL
WHERE deleted_at IS NOT NULL AND state NOT IN ('completed', 'expired', 'cancelled', 'refunded');
