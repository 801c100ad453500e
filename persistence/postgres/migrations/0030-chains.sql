-- What settlement knows of real chains: how far they were followed, what came in that no order can
-- use, and what went out. Settlement alone writes all of it; the operator sets the switch and the cap.
-- depends: 0027-spread

ALTER TABLE assets ADD COLUMN confirmations integer CHECK (confirmations > 0);

ALTER TABLE deposits ADD COLUMN vanished boolean NOT NULL DEFAULT false,
  ADD CHECK (NOT vanished OR confirmed_at IS NULL);
DROP INDEX deposits_unconfirmed;
CREATE INDEX deposits_unconfirmed ON deposits (order_id) WHERE confirmed_at IS NULL AND NOT vanished;
GRANT UPDATE (seen_at, stray, vanished) ON deposits TO swapgate_settlement;

-- The newest blocks that were looked through: where to go on after a restart, and how a
-- reorganisation is noticed.
CREATE TABLE chain_blocks (
  network text NOT NULL REFERENCES networks (name),
  height bigint NOT NULL CHECK (height >= 0),
  hash text NOT NULL,
  PRIMARY KEY (network, height)
);
GRANT SELECT, INSERT, DELETE ON chain_blocks TO swapgate_settlement;
GRANT SELECT ON chain_blocks TO swapgate_admin;

-- What was last found out about each connected chain. `alarm` says in words what is wrong. A chain
-- is halted when its nodes told different things of the very same block or deposit: somebody lies,
-- and a person has to look.
CREATE TABLE chains (
  network text PRIMARY KEY REFERENCES networks (name),
  height bigint,
  alarm text,
  halted boolean NOT NULL DEFAULT false,
  checked_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON chains TO swapgate_settlement;
GRANT SELECT, UPDATE (halted, alarm) ON chains TO swapgate_admin;

-- What came to an order's address in another asset than the order's: for the operator to deal with.
CREATE TABLE unclaimed_deposits (
  network text NOT NULL REFERENCES networks (name),
  tx_id text NOT NULL,
  address text NOT NULL,
  asset text NOT NULL REFERENCES assets (code),
  amount numeric NOT NULL CHECK (amount > 0),
  order_id uuid NOT NULL REFERENCES orders (id),
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (network, tx_id, address, asset)
);
GRANT SELECT, INSERT ON unclaimed_deposits TO swapgate_settlement;
GRANT SELECT ON unclaimed_deposits TO swapgate_admin;

CREATE TABLE outflow_settings (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  enabled boolean NOT NULL DEFAULT true,
  daily_cap_usd numeric(20, 2) CHECK (daily_cap_usd > 0)
);
INSERT INTO outflow_settings DEFAULT VALUES;
GRANT SELECT ON outflow_settings TO swapgate_settlement;
GRANT SELECT, UPDATE ON outflow_settings TO swapgate_admin;

CREATE TABLE daily_outflow (
  day date PRIMARY KEY,
  usd numeric NOT NULL
);
GRANT SELECT ON daily_outflow TO swapgate_settlement, swapgate_admin;

-- One row an order, for good: whatever happens, it is paid out or sent back once. The row is there
-- before anything is signed, and the signed transaction before anything is broadcast; nothing is
-- ever broadcast but what stands here.
CREATE TABLE outflows (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  kind text NOT NULL CHECK (kind IN ('payout', 'refund')),
  network text NOT NULL REFERENCES networks (name),
  asset text NOT NULL REFERENCES assets (code),
  address text NOT NULL,
  tag text,
  amount numeric(38, 18) NOT NULL CHECK (amount > 0),
  usd numeric NOT NULL CHECK (usd >= 0),
  nonce bigint,
  raw text,
  tx_id text,
  intended_at timestamptz NOT NULL DEFAULT now(),
  signed_at timestamptz,
  broadcast_at timestamptz,
  settled_at timestamptz,
  CHECK ((raw IS NULL) = (tx_id IS NULL) AND (raw IS NULL) = (signed_at IS NULL)),
  CHECK (raw IS NOT NULL OR broadcast_at IS NULL),
  CHECK (broadcast_at IS NOT NULL OR settled_at IS NULL)
);
CREATE UNIQUE INDEX outflows_nonce ON outflows (network, nonce) WHERE nonce IS NOT NULL;
CREATE UNIQUE INDEX outflows_tx ON outflows (network, tx_id) WHERE tx_id IS NOT NULL;
CREATE INDEX outflows_unsettled ON outflows (network, order_id) WHERE settled_at IS NULL;

-- Switch and cap are looked at by the database itself, under the lock of the day's row.
CREATE FUNCTION outflow_is_allowed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  rule public.outflow_settings%ROWTYPE;
  total numeric;
BEGIN
  INSERT INTO public.daily_outflow AS d (day, usd)
    VALUES (public.utc_day(clock_timestamp()), NEW.usd)
    ON CONFLICT (day) DO UPDATE SET usd = d.usd + EXCLUDED.usd
    RETURNING usd INTO total;
  SELECT * INTO rule FROM public.outflow_settings;
  IF NOT rule.enabled THEN
    RAISE EXCEPTION 'outflow is off';
  END IF;
  IF total > rule.daily_cap_usd THEN
    RAISE EXCEPTION 'daily outflow exceeded';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER outflow_is_allowed AFTER INSERT ON outflows
  FOR EACH ROW EXECUTE FUNCTION outflow_is_allowed();

-- A signed transaction is never replaced by another: both could reach the chain.
CREATE FUNCTION outflow_is_signed_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was signed stays';
END
$$;
CREATE TRIGGER outflow_is_signed_once BEFORE UPDATE OF raw, tx_id, nonce ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NOT NULL) EXECUTE FUNCTION outflow_is_signed_once();

GRANT SELECT ON outflows TO swapgate_settlement, swapgate_admin;
GRANT INSERT (order_id, kind, network, asset, address, tag, amount, usd, nonce),
  UPDATE (raw, tx_id, signed_at, broadcast_at, settled_at) ON outflows TO swapgate_settlement;

-- Accounts may be replaced as long as an address wasn't given to anybody, and pools imported.
GRANT INSERT (network, address, tag, derivation_index), DELETE ON pay_in_addresses TO swapgate_admin;
CREATE FUNCTION address_stays_reserved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a pay-in address is reserved for good';
END
$$;
CREATE TRIGGER address_stays_reserved BEFORE DELETE ON pay_in_addresses
  FOR EACH ROW WHEN (OLD.order_id IS NOT NULL) EXECUTE FUNCTION address_stays_reserved();
