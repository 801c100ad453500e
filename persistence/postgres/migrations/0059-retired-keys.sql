-- Sealing stored secrets again with another key: which keys must not seal any more, and what sealing
-- again does not change.
-- depends: 0058-operator-actions

-- The name of the key that a secret is sealed with (persistence/keyring.py); NULL if it is empty.
CREATE FUNCTION sealed_with(sealed bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN pg_catalog.length(sealed) > 0 THEN
    pg_catalog.encode(substring(sealed FROM 2 FOR pg_catalog.get_byte(sealed, 0)), 'escape') END
$$;

-- A key is retired before it is removed from the key ring: a process that still seals with it, for
-- whatever reason, fails instead of storing what nobody will be able to decrypt.
CREATE TABLE retired_keys (
  name text PRIMARY KEY,
  retired_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION check_partner_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();  -- so that whoever retires a key can wait for this change
  IF EXISTS (SELECT FROM public.retired_keys WHERE name IN (
      public.sealed_with(NEW.api_secret_sealed), public.sealed_with(NEW.webhook_secret_sealed))) THEN
    RAISE EXCEPTION 'a secret is sealed with a retired key';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER check_partner_keys BEFORE INSERT OR UPDATE OF api_secret_sealed, webhook_secret_sealed
  ON partners FOR EACH ROW EXECUTE FUNCTION check_partner_keys();

CREATE FUNCTION check_second_factor_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();  -- so that whoever retires a key can wait for this change
  IF EXISTS (SELECT FROM public.retired_keys WHERE name = public.sealed_with(NEW.secret_sealed)) THEN
    RAISE EXCEPTION 'a secret is sealed with a retired key';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER check_second_factor_key BEFORE INSERT OR UPDATE OF secret_sealed
  ON second_factors FOR EACH ROW EXECUTE FUNCTION check_second_factor_key();

-- Sealing again changes no secret, so workers need not read the partner again. A secret that is
-- replaced has another generation.
DROP TRIGGER partner_changed ON partners;
CREATE TRIGGER partner_added BEFORE INSERT ON partners
  FOR EACH ROW EXECUTE FUNCTION partner_changed();
CREATE TRIGGER partner_changed BEFORE UPDATE ON partners
  FOR EACH ROW WHEN (
    OLD.generation <> NEW.generation
    OR (OLD.api_secret_sealed = NEW.api_secret_sealed
      AND OLD.webhook_secret_sealed = NEW.webhook_secret_sealed
      AND OLD.previous_webhook_secret_sealed IS NOT DISTINCT FROM NEW.previous_webhook_secret_sealed))
  EXECUTE FUNCTION partner_changed();

GRANT SELECT ON retired_keys TO swapgate_gateway, swapgate_admin;
GRANT INSERT ON retired_keys TO swapgate_admin;
GRANT UPDATE (secret_sealed) ON second_factors TO swapgate_admin;
