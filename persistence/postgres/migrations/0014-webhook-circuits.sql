-- What is known of endpoints that fail or are slow, shared by all workers; what lets the relay find
-- each partner's due events by themselves; and what wakes it.
-- depends: 0013-ledger

-- A row only for an endpoint that has lately been in trouble (domain/circuits.py).
CREATE TABLE webhook_circuits (
  partner_id uuid PRIMARY KEY REFERENCES partners (id),
  version bigint NOT NULL DEFAULT 1,
  concurrency integer NOT NULL CHECK (concurrency > 0),
  window_began_at timestamptz NOT NULL,
  attempts integer NOT NULL,
  failures integer NOT NULL CHECK (failures BETWEEN 0 AND attempts),
  failed_at timestamptz,
  opened_at timestamptz,
  probe_at timestamptz,
  probed_at timestamptz, -- when the last probe was claimed, so that there is one at a time
  failed_probes integer NOT NULL DEFAULT 0,
  CHECK ((opened_at IS NULL) = (probe_at IS NULL))
);

-- A partner's due events are one step in the index away, however many another's wait before them.
DROP INDEX webhook_events_due;
CREATE INDEX webhook_events_due ON webhook_events (partner_id, due_at, id)
  WHERE status = 'pending';

-- Without the lease's end in the index, taking an event doesn't write to any index.
DROP INDEX webhook_events_queued;
CREATE INDEX webhook_events_queued ON webhook_events (partner_id) WHERE status = 'queued';

-- An event is rewritten three times within moments; what was is cleared away soon.
ALTER TABLE webhook_events SET (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_vacuum_cost_delay = 0
);

-- Notifying takes a lock that all commits of the database wait for, from before it is written to
-- disk until after. So only five times a second anybody tells: the relay looks again and again for a
-- while once it is awake. When that was is kept in a sequence, which waits for no transaction.
CREATE SEQUENCE webhook_events_told_ms;
CREATE FUNCTION webhook_events_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  now_ms bigint := extract(epoch FROM clock_timestamp()) * 1000;
BEGIN
  IF now_ms - (SELECT last_value FROM public.webhook_events_told_ms) NOT BETWEEN 0 AND 199 THEN
    PERFORM setval('public.webhook_events_told_ms', now_ms);
    PERFORM pg_notify('webhook_events', '');
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER webhook_events_added AFTER INSERT ON webhook_events
  FOR EACH STATEMENT EXECUTE FUNCTION webhook_events_added();

-- Another endpoint begins with a clean sheet.
CREATE FUNCTION forget_webhook_circuit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM public.webhook_circuits WHERE partner_id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER forget_webhook_circuit AFTER UPDATE OF webhook_url ON partners
  FOR EACH ROW WHEN (OLD.webhook_url IS DISTINCT FROM NEW.webhook_url)
  EXECUTE FUNCTION forget_webhook_circuit();

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_circuits TO swapgate_gateway;
GRANT SELECT ON webhook_circuits TO swapgate_admin;
