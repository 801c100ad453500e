-- What the operator can afford: reserves of what is paid out, and a cap on what is opened in a day.
-- Kept in step by triggers, whoever moves an order, and exact however many orders open at once: the
-- row of a reserve, or of a day, is locked until its order is committed.
-- depends: 0008-sandbox

ALTER TABLE orders ADD COLUMN worth_usd numeric(38, 18) NOT NULL DEFAULT 0 CHECK (worth_usd >= 0);
GRANT INSERT (worth_usd) ON orders TO swapgate_gateway;

-- Only assets whose reserve the operator has set; any other is thought to be without end.
CREATE TABLE reserves (
  asset text PRIMARY KEY REFERENCES assets (code),
  amount numeric(38, 18) NOT NULL CHECK (amount >= 0),
  promised numeric(38, 18) NOT NULL DEFAULT 0 -- to orders that are open
);

-- Only while there is a cap. An order counts on the day it was opened, unless it came to nothing.
CREATE TABLE daily_volume (
  day date PRIMARY KEY,
  usd numeric(38, 18) NOT NULL
);

CREATE FUNCTION is_open(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state IN ('awaiting_deposit', 'confirming', 'paying_out', 'held');

CREATE FUNCTION came_to_nothing(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state IN ('expired', 'cancelled', 'refunded');

CREATE FUNCTION utc_day(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'UTC')::date;

CREATE FUNCTION order_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  cap numeric;
  total numeric;
  exceeded boolean;
BEGIN
  UPDATE reserves SET promised = promised + NEW.destination_amount + NEW.network_fee
    WHERE asset = NEW.destination
    RETURNING promised > amount INTO exceeded;
  IF exceeded THEN
    RAISE EXCEPTION 'reserve exceeded';
  END IF;
  SELECT daily_cap_usd INTO cap FROM operator_settings;
  IF cap IS NOT NULL THEN
    INSERT INTO daily_volume (day, usd) VALUES (utc_day(NEW.created_at), NEW.worth_usd)
      ON CONFLICT (day) DO UPDATE SET usd = daily_volume.usd + EXCLUDED.usd
      RETURNING usd INTO total;
    IF total > cap THEN
      RAISE EXCEPTION 'daily cap exceeded';
    END IF;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER order_opened AFTER INSERT ON orders
  FOR EACH ROW EXECUTE FUNCTION order_opened();

CREATE FUNCTION order_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  before numeric := CASE WHEN is_open(OLD.state) THEN OLD.destination_amount + OLD.network_fee
    ELSE 0 END;
  after numeric := CASE WHEN is_open(NEW.state) THEN NEW.destination_amount + NEW.network_fee
    ELSE 0 END;
  paid numeric := CASE WHEN NEW.state = 'completed' AND OLD.state <> 'completed'
    THEN NEW.destination_amount + NEW.network_fee ELSE 0 END;
  counted integer := came_to_nothing(OLD.state)::integer - came_to_nothing(NEW.state)::integer;
BEGIN
  IF before <> after OR paid <> 0 THEN
    UPDATE reserves SET promised = promised + after - before, amount = greatest(amount - paid, 0)
      WHERE asset = NEW.destination;
  END IF;
  IF counted <> 0 THEN
    UPDATE daily_volume SET usd = usd + counted * NEW.worth_usd
      WHERE day = utc_day(NEW.created_at);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER order_moved AFTER UPDATE OF state, destination_amount, network_fee ON orders
  FOR EACH ROW EXECUTE FUNCTION order_moved();

GRANT SELECT ON reserves, daily_volume TO swapgate_gateway, swapgate_settlement;
GRANT SELECT, INSERT, UPDATE, DELETE ON reserves, daily_volume TO swapgate_admin;
