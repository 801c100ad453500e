-- Requests of operators to credit deposits that no scan of blocks detects. Settlement decides each
-- once: it credits the amount that the nodes prove, or rejects it.
-- depends: 0067-deposit-refunds

CREATE TABLE deposit_credits (
  id uuid PRIMARY KEY,
  network text NOT NULL REFERENCES networks (name),
  tx_id text NOT NULL CHECK (length(tx_id) BETWEEN 1 AND 200),
  address text NOT NULL,
  asset text NOT NULL REFERENCES assets (code),
  order_id uuid NOT NULL REFERENCES orders (id),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  decided_at timestamptz,
  amount numeric CHECK (amount > 0),
  rejection text,
  CHECK (num_nonnulls(amount, rejection) = (decided_at IS NOT NULL)::integer)
);
COMMENT ON COLUMN deposit_credits.amount IS 'What the nodes proved, in units of the asset.';
CREATE UNIQUE INDEX deposit_credits_pending ON deposit_credits (network, tx_id, address)
  WHERE decided_at IS NULL;

CREATE FUNCTION deposit_credit_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.decided_at IS NOT NULL THEN
    RAISE EXCEPTION 'the credit of a deposit is decided once, and stays';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER deposit_credit_is_decided_once BEFORE UPDATE OR DELETE ON deposit_credits
  FOR EACH ROW EXECUTE FUNCTION deposit_credit_is_decided_once();
CREATE TRIGGER deposit_credits_are_kept BEFORE TRUNCATE ON deposit_credits
  FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_append_only();

GRANT SELECT ON deposit_credits TO swapgate_admin, swapgate_settlement;
GRANT INSERT (id, network, tx_id, address, asset, order_id, reason, requested_by, requested_at)
  ON deposit_credits TO swapgate_admin;
GRANT UPDATE (decided_at, amount, rejection) ON deposit_credits TO swapgate_settlement;
