-- What operators propose to do with money, which above a bound another operator has to approve.
-- depends: 0058-operator-actions

-- Above this value an operator's proposal needs the approval of another one.
ALTER TABLE operator_settings
  ADD COLUMN one_person_usd numeric(20, 2) NOT NULL DEFAULT 100 CHECK (one_person_usd >= 0);

-- One that is not withdrawn holds its subject (such as a deposit): nothing else can be done with it.
-- `tx_id` is the transaction that performed it.
CREATE TABLE proposals (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('refund_deposit', 'raise_bound')),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 300),
  document jsonb NOT NULL,
  usd numeric CHECK (usd >= 0),
  needs_second boolean NOT NULL,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
  proposed_by text NOT NULL,
  proposed_at timestamptz NOT NULL,
  approved_by text,
  approved_at timestamptz,
  withdrawn_by text,
  withdrawn_at timestamptz,
  tx_id text,
  CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
  CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL)),
  CHECK (approved_at IS NULL OR withdrawn_at IS NULL),
  CHECK (tx_id IS NULL OR approved_at IS NOT NULL),
  CHECK (NOT needs_second OR approved_by <> proposed_by)
);
CREATE UNIQUE INDEX proposals_subject ON proposals (subject) WHERE withdrawn_at IS NULL;

CREATE FUNCTION proposal_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL OR OLD.tx_id IS NOT NULL
    OR (OLD.approved_at IS NOT NULL AND (NEW.approved_at IS DISTINCT FROM OLD.approved_at
      OR NEW.approved_by IS DISTINCT FROM OLD.approved_by OR NEW.withdrawn_at IS NOT NULL)) THEN
    RAISE EXCEPTION 'a proposal is decided once, and stays';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER proposal_is_decided_once BEFORE UPDATE OR DELETE ON proposals
  FOR EACH ROW EXECUTE FUNCTION proposal_is_decided_once();

GRANT SELECT, INSERT, UPDATE (approved_by, approved_at, withdrawn_by, withdrawn_at, tx_id)
  ON proposals
  TO swapgate_admin;
