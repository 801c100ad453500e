-- Requests of links that reset a forgotten password; a process sends the links after the commit.
-- depends: 0087-required-second-factors

-- Addresses that belong to nobody are inserted too, without a member, so that both take the same steps.
-- There is no reference to partner_users for the same reason: its check would take longer for members.
-- The token exists only in the email that was sent; a link ends when the member's epoch changes.
CREATE TABLE password_resets (
  id uuid PRIMARY KEY,
  member_id uuid,
  epoch integer,
  address text NOT NULL,
  requested_at timestamptz NOT NULL,
  next_attempt_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  token_hash text UNIQUE,
  expires_at timestamptz,
  sent_at timestamptz,
  used_at timestamptz
);
CREATE INDEX password_resets_requested ON password_resets (requested_at);

GRANT SELECT, DELETE ON password_resets TO swapgate_gateway;
GRANT INSERT (id, member_id, epoch, address, requested_at, next_attempt_at)
  ON password_resets TO swapgate_gateway;
GRANT UPDATE (next_attempt_at, attempts, token_hash, expires_at, sent_at, used_at)
  ON password_resets TO swapgate_gateway;
