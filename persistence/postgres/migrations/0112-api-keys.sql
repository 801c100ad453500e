-- Several API keys per partner, each with a secret, label, scope, IP allowlist and signature rule. The
-- key that each partner had becomes its first one.
-- depends: 0089-passkeys 0081-function-owners

-- The first key has its partner's id, because its secret is sealed for that id and stays as it is.
CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  api_key text NOT NULL UNIQUE,
  api_secret_sealed bytea NOT NULL,
  previous_secret_sealed bytea,
  previous_secret_until timestamptz,
  label text CHECK (length(label) BETWEEN 1 AND 64),
  scope text NOT NULL CHECK (scope IN ('full', 'trade', 'read')),
  ip_allowlist text[] NOT NULL DEFAULT '{}' CHECK (cardinality(ip_allowlist) <= 50),
  signature_v2_only boolean NOT NULL,
  generation integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  secret_rotated_at timestamptz,
  revoked_at timestamptz,
  CHECK ((previous_secret_sealed IS NULL) = (previous_secret_until IS NULL)),
  -- The secret of a revoked key is destroyed.
  CHECK (revoked_at IS NULL OR (length(api_secret_sealed) = 0 AND previous_secret_sealed IS NULL))
);
CREATE INDEX api_keys_partner ON api_keys (partner_id, created_at);

INSERT INTO api_keys (id, partner_id, api_key, api_secret_sealed, scope, ip_allowlist,
  signature_v2_only, created_at, secret_rotated_at)
SELECT id, id, api_key, api_secret_sealed, 'full', api_networks, signature_v2_only, created_at,
  api_secret_rotated_at
FROM partners WHERE length(api_secret_sealed) > 0;

-- The rotations of the webhookSecret remain with the partner, together with all earlier ones.
DROP TRIGGER check_partner_keys ON partners;
DROP TRIGGER partner_changed ON partners;
ALTER TABLE partners
  DROP COLUMN api_key, DROP COLUMN api_secret_sealed, DROP COLUMN api_secret_rotated_at,
  DROP COLUMN api_networks, DROP COLUMN signature_v2_only;

CREATE OR REPLACE FUNCTION secrets_rotated() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.webhook_secret_sealed <> OLD.webhook_secret_sealed THEN
    NEW.webhook_secret_rotated_at := now();
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION check_partner_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();  -- so that whoever retires a key can wait for this change
  IF EXISTS (SELECT FROM public.retired_keys
      WHERE name = public.sealed_with(NEW.webhook_secret_sealed)) THEN
    RAISE EXCEPTION 'a secret is sealed with a retired key';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER check_partner_keys BEFORE INSERT OR UPDATE OF webhook_secret_sealed
  ON partners FOR EACH ROW EXECUTE FUNCTION check_partner_keys();

CREATE FUNCTION check_api_key_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();  -- so that whoever retires a key can wait for this change
  IF EXISTS (SELECT FROM public.retired_keys WHERE name IN (
      public.sealed_with(NEW.api_secret_sealed),
      public.sealed_with(NEW.previous_secret_sealed))) THEN
    RAISE EXCEPTION 'a secret is sealed with a retired key';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER check_api_key_keys BEFORE INSERT OR UPDATE OF api_secret_sealed,
  previous_secret_sealed ON api_keys FOR EACH ROW EXECUTE FUNCTION check_api_key_keys();

-- Sealing again changes no secret, so workers need not read the partner again.
CREATE TRIGGER partner_changed BEFORE UPDATE ON partners
  FOR EACH ROW WHEN (
    OLD.generation <> NEW.generation
    OR (OLD.webhook_secret_sealed = NEW.webhook_secret_sealed
      AND OLD.previous_webhook_secret_sealed IS NOT DISTINCT FROM NEW.previous_webhook_secret_sealed))
  EXECUTE FUNCTION partner_changed();

-- What a call is checked against changes the revision of its partner; sealing again and labels do not.
CREATE TRIGGER api_key_changed AFTER INSERT OR UPDATE OF generation, scope, ip_allowlist,
  signature_v2_only, revoked_at ON api_keys FOR EACH ROW EXECUTE FUNCTION code_changed();
CREATE TRIGGER generation_only_rises BEFORE UPDATE OF generation ON api_keys
  FOR EACH ROW WHEN (NEW.generation < OLD.generation) EXECUTE FUNCTION generation_only_rises();

-- A key too many is not stored, and no error is raised. The count sees what others have committed while
-- this waited for the partner's row.
CREATE FUNCTION room_for_api_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM public.partners WHERE id = NEW.partner_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM public.api_keys
      WHERE partner_id = NEW.partner_id AND revoked_at IS NULL) >= 20 THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
CALL set_function_owner('room_for_api_key()', 'partners');
GRANT SELECT (partner_id, revoked_at) ON api_keys TO swapgate_functions_partners;
CREATE TRIGGER room_for_api_key BEFORE INSERT ON api_keys
  FOR EACH ROW EXECUTE FUNCTION room_for_api_key();

-- Uses belong to keys. Existing rows name the first key, which has the partner's id.
ALTER TABLE api_key_uses RENAME COLUMN partner_id TO key_id;
ALTER TABLE api_key_uses DROP CONSTRAINT api_key_uses_partner_id_fkey;
ALTER TABLE api_key_uses ADD FOREIGN KEY (key_id) REFERENCES api_keys (id);
ALTER TABLE signature_v2_uses RENAME COLUMN partner_id TO key_id;
ALTER TABLE signature_v2_uses DROP CONSTRAINT signature_v2_uses_partner_id_fkey;
ALTER TABLE signature_v2_uses ADD FOREIGN KEY (key_id) REFERENCES api_keys (id);

CREATE FUNCTION signature_v2_used() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.partners SET revision = 0
    WHERE id = (SELECT partner_id FROM public.api_keys WHERE id = NEW.key_id);
  RETURN NULL;
END
$$;
CALL set_function_owner('signature_v2_used()', 'partners');
GRANT SELECT (id) ON api_keys TO swapgate_functions_partners;
DROP TRIGGER signature_v2_used ON signature_v2_uses;
CREATE TRIGGER signature_v2_used AFTER INSERT ON signature_v2_uses
  FOR EACH ROW EXECUTE FUNCTION signature_v2_used();

-- The scope of a key never changes: whoever needs another one creates another key.
GRANT SELECT, INSERT (id, partner_id, api_key, api_secret_sealed, label, scope, ip_allowlist,
  signature_v2_only, created_at) ON api_keys TO swapgate_gateway, swapgate_admin;
GRANT UPDATE (api_secret_sealed, previous_secret_sealed, previous_secret_until, generation,
  secret_rotated_at, label, ip_allowlist, signature_v2_only, revoked_at)
  ON api_keys TO swapgate_gateway, swapgate_admin;
-- A rotation raises the revision itself, to return it: what is written to this column is ignored.
GRANT UPDATE (revision) ON partners TO swapgate_gateway;
GRANT SELECT ON api_key_uses TO swapgate_admin;
