-- What people have done in the cabinet, which nobody can change afterwards; and their second factors.
-- depends: 0031-members

-- Who did it is kept as it was then: members are removed, and their e-mail addresses may change.
CREATE TABLE audit_log (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  member_id uuid NOT NULL,
  email text NOT NULL,
  at timestamptz NOT NULL,
  address text NOT NULL,
  what text NOT NULL CHECK (length(what) BETWEEN 1 AND 100),
  about text NOT NULL CHECK (length(about) <= 300)
);
CREATE INDEX audit_log_partner ON audit_log (partner_id, id DESC);

-- Not confirmed: somebody has begun to set it up. `last_step` is the newest time step (RFC 6238) whose
-- code was used. Recovery codes are kept as SHA-256, and go when they are used.
CREATE TABLE second_factors (
  member_id uuid PRIMARY KEY REFERENCES partner_users (id) ON DELETE CASCADE,
  secret_sealed bytea NOT NULL,
  confirmed_at timestamptz,
  last_step bigint NOT NULL DEFAULT 0,
  recovery_hashes text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

GRANT SELECT, INSERT ON audit_log TO swapgate_gateway, swapgate_admin;
GRANT SELECT, INSERT, DELETE ON second_factors TO swapgate_gateway;
GRANT UPDATE (secret_sealed, confirmed_at, last_step, recovery_hashes, created_at)
  ON second_factors TO swapgate_gateway;
GRANT SELECT, DELETE ON second_factors TO swapgate_admin;
