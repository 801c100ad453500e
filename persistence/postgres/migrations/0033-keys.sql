-- What the page of the keys shows and sets: last rotation, last use, where calls may come from.
-- depends: 0032-audit-and-second-factor

-- Empty: from anywhere.
ALTER TABLE partners
  ADD COLUMN api_networks text[] NOT NULL DEFAULT '{}' CHECK (cardinality(api_networks) <= 50),
  ADD COLUMN api_secret_rotated_at timestamptz,
  ADD COLUMN webhook_secret_rotated_at timestamptz;
GRANT UPDATE (api_networks) ON partners TO swapgate_gateway;

-- Whoever replaces a secret raises the generation; sealing the same one anew doesn't.
CREATE FUNCTION secrets_rotated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.api_secret_sealed <> OLD.api_secret_sealed THEN
    NEW.api_secret_rotated_at := now();
  END IF;
  IF NEW.webhook_secret_sealed <> OLD.webhook_secret_sealed THEN
    NEW.webhook_secret_rotated_at := now();
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER secrets_rotated BEFORE UPDATE ON partners
  FOR EACH ROW WHEN (NEW.generation <> OLD.generation) EXECUTE FUNCTION secrets_rotated();

-- Beside `partners`, whose every change has all workers read it again. Written by each worker for all
-- partners that have called it, every few seconds.
CREATE TABLE api_key_uses (
  partner_id uuid PRIMARY KEY REFERENCES partners (id),
  used_at timestamptz NOT NULL
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE (used_at) ON api_key_uses TO swapgate_gateway;
