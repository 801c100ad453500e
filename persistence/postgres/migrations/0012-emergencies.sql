-- Deposits in several parts, and what partners choose for held orders. Settlement alone writes
-- deposits. The gateway may not touch an order: it puts a choice down here, once and only while the
-- order is held, and settlement carries it out.
-- depends: 0009-limits

CREATE TABLE deposits (
  order_id uuid NOT NULL REFERENCES orders (id),
  tx_id text NOT NULL,
  position integer NOT NULL,
  amount numeric(38, 18) NOT NULL CHECK (amount > 0),
  seen_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  stray boolean NOT NULL, -- came when the order had gone on: for the operator to deal with
  PRIMARY KEY (order_id, tx_id),
  UNIQUE (order_id, position)
);
CREATE INDEX deposits_unconfirmed ON deposits (order_id) WHERE confirmed_at IS NULL;
CREATE INDEX deposits_stray ON deposits (order_id) WHERE stray;

INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, stray)
SELECT id, deposit_tx_id, 0, deposit_amount, updated_at,
  CASE WHEN state NOT IN ('confirming', 'expired') THEN updated_at END, false
FROM orders WHERE deposit_tx_id IS NOT NULL;
ALTER TABLE orders DROP COLUMN deposit_tx_id, DROP COLUMN deposit_amount;

GRANT SELECT ON deposits TO swapgate_gateway, swapgate_settlement, swapgate_admin;
GRANT INSERT, UPDATE (amount, confirmed_at) ON deposits TO swapgate_settlement;

CREATE TABLE emergency_choices (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  choice text NOT NULL CHECK (choice IN ('EXCHANGE', 'REFUND')),
  chosen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_held ON orders (id) WHERE state = 'held';

-- A choice raises the order's version, so that whoever moves the order at this moment has to look
-- again: of a partner and an operator at once, one wins. It does so with its owner's rights, for
-- whoever may insert a choice may not write orders.
CREATE FUNCTION emergency_is_chosen_for() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders SET version = version + 1, updated_at = now()
  WHERE id = NEW.order_id AND state = 'held';
  IF NOT FOUND THEN
    RETURN NULL; -- it isn't held any more: there is nothing to choose
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER emergency_is_chosen_for BEFORE INSERT ON emergency_choices
  FOR EACH ROW EXECUTE FUNCTION emergency_is_chosen_for();

GRANT SELECT ON emergency_choices TO swapgate_gateway, swapgate_settlement, swapgate_admin;
GRANT INSERT (order_id, choice) ON emergency_choices TO swapgate_gateway;
GRANT DELETE ON emergency_choices TO swapgate_settlement;
