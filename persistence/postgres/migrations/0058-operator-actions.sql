-- Who operates the installation, and what each operator has done: nobody can change that afterwards.
-- depends: 0052-ledger-names

-- Of an operator's secret (256 random bits) only the SHA-256 is stored. Rows are never deleted, so
-- that a name in the audit trail is always the same person.
CREATE TABLE operators (
  name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,31}$'),
  secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
  created_at timestamptz NOT NULL,
  disabled_at timestamptz
);

-- Inserted before the change is made, so that no change is without its row. `verified` tells whether
-- the operator has proved the name with a secret; `parameters` is what was given on the command line.
CREATE TABLE operator_actions (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  operator text NOT NULL CHECK (length(operator) BETWEEN 1 AND 100),
  verified boolean NOT NULL,
  action text NOT NULL CHECK (length(action) BETWEEN 1 AND 100),
  subject text NOT NULL CHECK (length(subject) <= 300),
  reason text NOT NULL CHECK (length(reason) <= 1000),
  parameters jsonb NOT NULL,
  before jsonb
);
CREATE INDEX operator_actions_subject ON operator_actions (subject, id DESC);
CREATE INDEX operator_actions_operator ON operator_actions (operator, id DESC);

-- How an action ended. One without a row was interrupted: what it has changed is not known.
CREATE TABLE operator_action_outcomes (
  action_id uuid PRIMARY KEY REFERENCES operator_actions (id),
  at timestamptz NOT NULL,
  error text,
  after jsonb
);

CREATE FUNCTION audit_trail_is_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER operator_actions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON operator_actions FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_append_only();
CREATE TRIGGER operator_action_outcomes_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON operator_action_outcomes FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_append_only();
CREATE TRIGGER operators_are_kept BEFORE DELETE OR TRUNCATE
  ON operators FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_append_only();

GRANT SELECT ON operators TO swapgate_settlement;
GRANT SELECT, INSERT (name, secret_hash, created_at), UPDATE (secret_hash, disabled_at)
  ON operators TO swapgate_admin;
GRANT SELECT, INSERT ON operator_actions, operator_action_outcomes
  TO swapgate_settlement, swapgate_admin;
