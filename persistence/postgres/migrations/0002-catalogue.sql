-- Networks, assets, pairs, the operator's switches, and the counters that tell workers of changes.
-- depends: 0001-roles

-- One row a topic. Whoever changes something a worker caches adds one in the same transaction; the
-- row's lock makes the numbers follow the order of commits, so that none is ever skipped.
CREATE TABLE revisions (
  topic text PRIMARY KEY,
  revision bigint NOT NULL DEFAULT 0
);
INSERT INTO revisions (topic) VALUES ('catalogue'), ('partners');

CREATE FUNCTION catalogue_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE revisions SET revision = revision + 1 WHERE topic = 'catalogue';
  RETURN NULL;
END
$$;

CREATE TABLE networks (
  name text PRIMARY KEY,
  tag_name text,
  fee_bps integer NOT NULL DEFAULT 50 CHECK (fee_bps BETWEEN 0 AND 2000),
  confirmations integer NOT NULL CHECK (confirmations > 0)
);

CREATE TABLE assets (
  code text PRIMARY KEY CHECK (code ~ '^[a-z0-9_]{2,24}$'),
  coin text NOT NULL CHECK (coin ~ '^[A-Z0-9]{2,12}$'),
  network text NOT NULL REFERENCES networks (name),
  name text NOT NULL,
  precision smallint NOT NULL CHECK (precision BETWEEN 0 AND 18),
  network_fee numeric(38, 18) NOT NULL CHECK (network_fee >= 0),
  aggregator_code text,
  receivable boolean NOT NULL DEFAULT true,
  sendable boolean NOT NULL DEFAULT true,
  enabled boolean NOT NULL DEFAULT true,
  logo text,
  color text,
  position integer NOT NULL,
  CHECK (network_fee = trunc(network_fee, precision))
);

-- Only what differs from the rule: every active asset swaps to every other within the bounds below.
CREATE TABLE pair_settings (
  source text NOT NULL REFERENCES assets (code),
  destination text NOT NULL REFERENCES assets (code),
  enabled boolean NOT NULL DEFAULT true,
  min_usd numeric(20, 2) CHECK (min_usd > 0),
  max_usd numeric(20, 2) CHECK (max_usd > 0),
  PRIMARY KEY (source, destination),
  CHECK (source <> destination)
);

CREATE TABLE operator_settings (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  maintenance boolean NOT NULL DEFAULT false,
  fixed_rates boolean NOT NULL DEFAULT false,
  refunds boolean NOT NULL DEFAULT false,
  min_usd numeric(20, 2) NOT NULL DEFAULT 1 CHECK (min_usd > 0),
  max_usd numeric(20, 2) NOT NULL DEFAULT 5000 CHECK (max_usd >= min_usd),
  daily_cap_usd numeric(20, 2) CHECK (daily_cap_usd > 0)
);
INSERT INTO operator_settings DEFAULT VALUES;

CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON networks
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON assets
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON pair_settings
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON operator_settings
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();

GRANT SELECT ON revisions, networks, assets, pair_settings, operator_settings
  TO swapgate_gateway, swapgate_settlement;
GRANT SELECT, INSERT, UPDATE, DELETE ON networks, assets, pair_settings, operator_settings
  TO swapgate_admin;
GRANT SELECT ON revisions TO swapgate_admin;
