-- The intention to pay or to refund locks its order: until it is cancelled, the order can only
-- record the transaction. A refund in flight has a state of its own.
-- depends: 0052-ledger-names

ALTER TABLE orders DROP CONSTRAINT orders_state_check, ADD CONSTRAINT orders_state_check
  CHECK (state IN ('awaiting_deposit', 'confirming', 'paying_out', 'completed',
    'expired', 'cancelled', 'refunded', 'held', 'refunding'));
ALTER TABLE orders DROP CONSTRAINT orders_check, ADD CONSTRAINT orders_emergency_check
  CHECK ((state IN ('held', 'refunding')) = (cardinality(emergency) > 0));

DROP INDEX orders_moving;
CREATE INDEX orders_moving ON orders (updated_at)
  WHERE state IN ('confirming', 'paying_out', 'held', 'refunding');

CREATE OR REPLACE FUNCTION is_open(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state IN ('awaiting_deposit', 'confirming', 'paying_out', 'held', 'refunding');

UPDATE orders SET state = 'refunding', choice = 'REFUND', version = version + 1
WHERE state = 'held' AND EXISTS (
  SELECT FROM outflows w WHERE w.order_id = orders.id AND w.kind = 'refund');

-- Whoever moves the order: settlement, the operator, or the owner. It runs as its owner because not
-- every role that may move orders may read outflows.
CREATE FUNCTION order_is_locked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM public.outflows w WHERE w.order_id = NEW.id AND NOT (
      w.raw IS NOT NULL AND OLD.destination_amount = NEW.destination_amount
      AND (w.kind, OLD.state, NEW.state) IN (
        ('payout', 'paying_out', 'completed'), ('refund', 'refunding', 'refunded')))) THEN
    RAISE EXCEPTION 'the order has an outflow';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER order_is_locked BEFORE UPDATE OF state, destination_amount ON orders
  FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.destination_amount <> NEW.destination_amount)
  EXECUTE FUNCTION order_is_locked();

-- The intention is written together with the state that locks its order.
CREATE FUNCTION outflow_is_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text;
BEGIN
  SELECT o.state INTO found FROM public.orders o WHERE o.id = NEW.order_id;
  IF (NEW.kind, found) NOT IN (('payout', 'paying_out'), ('refund', 'refunding')) THEN
    RAISE EXCEPTION 'an order that is % cannot be %', found,
      CASE NEW.kind WHEN 'payout' THEN 'paid out' ELSE 'refunded' END;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER outflow_is_due AFTER INSERT ON outflows
  FOR EACH ROW EXECUTE FUNCTION outflow_is_due();

-- A cancelled intention unlocks its order; whoever read it before has to read it again.
CREATE FUNCTION order_is_unlocked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders o SET version = o.version + 1,
    state = CASE o.state WHEN 'refunding' THEN 'held' ELSE o.state END
  WHERE o.id = OLD.order_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER order_is_unlocked AFTER DELETE ON outflows
  FOR EACH ROW EXECUTE FUNCTION order_is_unlocked();
