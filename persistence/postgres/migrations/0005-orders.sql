-- Orders, their pay-in addresses and idempotency keys. The gateway opens orders; only settlement
-- and the operator move them.
-- depends: 0004-partners

CREATE TABLE pay_in_accounts (
  network text PRIMARY KEY REFERENCES networks (name),
  kind text NOT NULL,
  public_key text NOT NULL,
  next_index bigint NOT NULL DEFAULT 0
);

CREATE TABLE pay_in_addresses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  network text NOT NULL REFERENCES networks (name),
  address text NOT NULL,
  tag text,
  derivation_index bigint NOT NULL,
  order_id uuid UNIQUE,
  UNIQUE NULLS NOT DISTINCT (network, address, tag)
);
CREATE INDEX pay_in_addresses_free ON pay_in_addresses (network, id) WHERE order_id IS NULL;

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  code_id uuid REFERENCES codes (id),
  rate_type text NOT NULL CHECK (rate_type IN ('float', 'fixed')),
  state text NOT NULL DEFAULT 'awaiting_deposit' CHECK (state IN (
    'awaiting_deposit', 'confirming', 'paying_out', 'completed',
    'expired', 'cancelled', 'refunded', 'held')),
  version integer NOT NULL DEFAULT 1,
  source text NOT NULL REFERENCES assets (code),
  destination text NOT NULL REFERENCES assets (code),
  source_amount numeric(38, 18) NOT NULL CHECK (source_amount > 0),
  destination_amount numeric(38, 18) NOT NULL CHECK (destination_amount >= 0),
  rate text NOT NULL,
  network_fee numeric(38, 18) NOT NULL CHECK (network_fee >= 0),
  fee_bps integer NOT NULL CHECK (fee_bps >= 0),
  markup_bps integer NOT NULL CHECK (markup_bps BETWEEN 0 AND 2000),
  destination_address text NOT NULL,
  destination_tag text,
  refund_address text NOT NULL,
  pay_in_address text NOT NULL,
  pay_in_tag text,
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  finished_at timestamptz,
  deposit_tx_id text,
  deposit_amount numeric(38, 18) CHECK (deposit_amount > 0),
  payout_tx_id text,
  refund_tx_id text,
  emergency text[] NOT NULL DEFAULT '{}',
  choice text NOT NULL DEFAULT 'NONE' CHECK (choice IN ('NONE', 'EXCHANGE', 'REFUND')),
  deleted_at timestamptz,
  CHECK ((state = 'held') = (cardinality(emergency) > 0)),
  CHECK ((deposit_tx_id IS NULL) = (deposit_amount IS NULL))
);
CREATE INDEX orders_partner ON orders (partner_id, id);
CREATE INDEX orders_expiring ON orders (expires_at) WHERE state = 'awaiting_deposit';
CREATE INDEX orders_moving ON orders (updated_at)
  WHERE state IN ('confirming', 'paying_out', 'held');

ALTER TABLE pay_in_addresses ADD FOREIGN KEY (order_id) REFERENCES orders (id)
  DEFERRABLE INITIALLY DEFERRED;

-- The gateway may reserve an address and nothing else: not set one free, nor hand it on.
CREATE FUNCTION address_is_reserved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a pay-in address is reserved for good';
END
$$;
CREATE TRIGGER address_is_reserved BEFORE UPDATE OF order_id ON pay_in_addresses
  FOR EACH ROW WHEN (OLD.order_id IS NOT NULL) EXECUTE FUNCTION address_is_reserved();

CREATE TABLE idempotency_keys (
  partner_id uuid NOT NULL REFERENCES partners (id),
  key text NOT NULL,
  body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
  order_id uuid NOT NULL REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (partner_id, key)
);

GRANT SELECT ON orders, idempotency_keys, pay_in_addresses TO swapgate_gateway;
GRANT INSERT (id, partner_id, code_id, rate_type, source, destination, source_amount,
    destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address,
    destination_tag, refund_address, pay_in_address, pay_in_tag, token_hash, created_at,
    expires_at, updated_at) ON orders TO swapgate_gateway;
GRANT INSERT ON idempotency_keys TO swapgate_gateway;
GRANT UPDATE (order_id) ON pay_in_addresses TO swapgate_gateway;

GRANT SELECT ON orders, pay_in_addresses, pay_in_accounts TO swapgate_settlement;
GRANT UPDATE (state, version, source_amount, destination_amount, rate, updated_at, finished_at,
    deposit_tx_id, deposit_amount, payout_tx_id, refund_tx_id, emergency, choice)
  ON orders TO swapgate_settlement;
GRANT INSERT (network, address, tag, derivation_index) ON pay_in_addresses TO swapgate_settlement;
GRANT UPDATE (next_index) ON pay_in_accounts TO swapgate_settlement;

GRANT SELECT ON orders, idempotency_keys, pay_in_addresses TO swapgate_admin;
GRANT SELECT, INSERT, UPDATE ON pay_in_accounts TO swapgate_admin;
