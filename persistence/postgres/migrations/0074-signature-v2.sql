-- Signature version 2: keys that accept nothing else, and which partners have used it.
-- depends: 0073-due-after-void-rights

ALTER TABLE partners ADD COLUMN signature_v2_only boolean NOT NULL DEFAULT false;
GRANT UPDATE (signature_v2_only) ON partners TO swapgate_gateway;

-- A row is inserted at the first call with version 2 and is never changed or deleted: the gateway's role
-- cannot make version 1 sufficient for a rotation again.
CREATE TABLE signature_v2_uses (
  partner_id uuid PRIMARY KEY REFERENCES partners (id),
  first_used_at timestamptz NOT NULL
);
CREATE TRIGGER signature_v2_used AFTER INSERT ON signature_v2_uses
  FOR EACH ROW EXECUTE FUNCTION code_changed();
GRANT SELECT, INSERT ON signature_v2_uses TO swapgate_gateway;
GRANT SELECT ON signature_v2_uses TO swapgate_admin;
