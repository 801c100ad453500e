-- Passkeys of members, beside the codes of an app: they are removed together with those.
-- depends: 0088-password-resets

CREATE TABLE passkeys (
  id uuid PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES second_factors (member_id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 50),
  credential_id bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL CHECK (sign_count >= 0),
  created_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX passkeys_member ON passkeys (member_id);

GRANT SELECT, INSERT, DELETE ON passkeys TO swapgate_gateway;
GRANT UPDATE (sign_count, last_used_at) ON passkeys TO swapgate_gateway;
