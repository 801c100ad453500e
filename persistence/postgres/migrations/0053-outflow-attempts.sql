-- Failed attempts to pay orders out, with the time of the next one; bounds of network fees that the
-- operator raised for single orders; and the fees of outflows.
-- depends: 0052-ledger-names

-- Without a next attempt an order is on hold until the operator releases it. Settlement records
-- failures; the operator's holds have the reason 'operator'.
CREATE TABLE outflow_attempts (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  network text NOT NULL REFERENCES networks (name),
  failures integer NOT NULL CHECK (failures >= 0),
  reason text NOT NULL,
  detail text NOT NULL,
  failing_since timestamptz NOT NULL,
  next_attempt_at timestamptz,
  held_at timestamptz,
  CHECK (next_attempt_at IS NOT NULL OR held_at IS NOT NULL)
);
CREATE INDEX outflow_attempts_network ON outflow_attempts (network, failing_since);
GRANT SELECT, INSERT, UPDATE, DELETE ON outflow_attempts TO swapgate_settlement;
GRANT SELECT, DELETE ON outflow_attempts TO swapgate_admin;

-- How much the network's fee of one order may cost: settlement reads it, only the operator sets it.
CREATE TABLE outflow_cost_bounds (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  usd numeric(20, 2) NOT NULL CHECK (usd > 0),
  set_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON outflow_cost_bounds TO swapgate_settlement;
GRANT SELECT, INSERT, UPDATE ON outflow_cost_bounds TO swapgate_admin;

-- In units of the network's coin: the maximum at the intention, and what the mined transaction cost.
-- `usd` contains the maximum, so that fees count towards the daily cap.
ALTER TABLE outflows ADD COLUMN fee numeric(38, 18) CHECK (fee >= 0),
  ADD COLUMN fee_paid numeric(38, 18) CHECK (fee_paid >= 0);
GRANT INSERT (fee), UPDATE (fee_paid) ON outflows TO swapgate_settlement;
