-- Partners, the people who sign in for them, and their reference codes.
-- depends: 0003-assets

CREATE TABLE partners (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  name text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  api_key text NOT NULL UNIQUE,
  api_secret_sealed bytea NOT NULL,
  webhook_secret_sealed bytea NOT NULL,
  webhook_url text,
  webhook_events text[] NOT NULL,
  standard_webhooks boolean NOT NULL DEFAULT false,
  markup_bps integer NOT NULL CHECK (markup_bps BETWEEN 0 AND 2000),
  base_fee_share_bps integer NOT NULL CHECK (base_fee_share_bps BETWEEN 0 AND 10000),
  budget integer NOT NULL CHECK (budget > 0),
  max_codes integer NOT NULL CHECK (max_codes >= 0),
  created_at timestamptz NOT NULL,
  revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX partners_revision ON partners (revision);

CREATE FUNCTION partner_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE revisions SET revision = revision + 1 WHERE topic = 'partners'
    RETURNING revision INTO NEW.revision;
  RETURN NEW;
END
$$;
CREATE TRIGGER partner_changed BEFORE INSERT OR UPDATE ON partners
  FOR EACH ROW EXECUTE FUNCTION partner_changed();

CREATE TABLE partner_users (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash text NOT NULL,
  one_time boolean NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE codes (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  code text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9_-]{4,32}$'),
  label text CHECK (length(label) BETWEEN 1 AND 64),
  markup_bps integer CHECK (markup_bps BETWEEN 0 AND 2000),
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL
);
CREATE INDEX codes_partner ON codes (partner_id, created_at);

CREATE FUNCTION code_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE partners SET revision = 0 WHERE id = NEW.partner_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER code_changed AFTER INSERT OR UPDATE ON codes
  FOR EACH ROW EXECUTE FUNCTION code_changed();

GRANT SELECT ON partners, partner_users, codes TO swapgate_gateway;
GRANT INSERT ON codes TO swapgate_gateway;
GRANT UPDATE (label, markup_bps, enabled) ON codes TO swapgate_gateway;
GRANT UPDATE (api_secret_sealed, webhook_secret_sealed, webhook_url, webhook_events)
  ON partners TO swapgate_gateway;
GRANT SELECT (id, enabled, webhook_url, webhook_events, base_fee_share_bps, markup_bps)
  ON partners TO swapgate_settlement;
GRANT SELECT ON codes TO swapgate_settlement;
GRANT SELECT, INSERT, UPDATE ON partners, partner_users, codes TO swapgate_admin;
