-- The people who sign in to the cabinet: roles, time zone, and what ends all of their sessions.
-- depends: 0030-chains

ALTER TABLE partner_users
  ADD COLUMN role text NOT NULL DEFAULT 'owner' CHECK (role IN ('owner', 'developer', 'viewer')),
  ADD COLUMN zone text NOT NULL DEFAULT 'UTC',
  ADD COLUMN epoch integer NOT NULL DEFAULT 0;
CREATE INDEX partner_users_partner ON partner_users (partner_id, id);

-- A changed password, role or partner ends all sessions, whoever changes it: none of the doors can
-- forget to.
CREATE FUNCTION member_signed_out() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.epoch := OLD.epoch + 1;
  RETURN NEW;
END
$$;
CREATE TRIGGER member_signed_out BEFORE UPDATE ON partner_users
  FOR EACH ROW WHEN (OLD.password_hash <> NEW.password_hash OR OLD.role <> NEW.role)
  EXECUTE FUNCTION member_signed_out();

CREATE FUNCTION members_signed_out() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE partner_users SET epoch = epoch + 1 WHERE partner_id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER members_signed_out AFTER UPDATE OF enabled ON partners
  FOR EACH ROW WHEN (OLD.enabled AND NOT NEW.enabled) EXECUTE FUNCTION members_signed_out();

GRANT UPDATE (password_hash, one_time, zone, epoch, updated_at) ON partner_users TO swapgate_gateway;
