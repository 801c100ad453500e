-- One settlement process at a time signs and broadcasts on a network: the one that holds its lease.
-- The token grows with each holder; statements that write outflows check it, and the expiry by this
-- database's clock, so that the clocks of the processes do not matter.
-- depends: 0054-outflow-locks

CREATE TABLE settlement_leases (
  network text PRIMARY KEY REFERENCES networks (name),
  holder text NOT NULL,
  token bigint NOT NULL CHECK (token > 0),
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT (network, holder, token, expires_at),
  UPDATE (holder, token, taken_at, expires_at) ON settlement_leases TO swapgate_settlement;
GRANT SELECT ON settlement_leases TO swapgate_admin;

-- A token that was given once is never given again, and a lease has one holder per token.
CREATE FUNCTION lease_token_grows() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.token < OLD.token OR (NEW.token = OLD.token AND NEW.holder <> OLD.holder) THEN
    RAISE EXCEPTION 'the token of a lease grows with each holder';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER lease_token_grows BEFORE UPDATE ON settlement_leases
  FOR EACH ROW EXECUTE FUNCTION lease_token_grows();
