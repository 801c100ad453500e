-- The outbox. An event is written in the transaction of the change it tells of; its body is frozen.
-- depends: 0005-orders

CREATE TABLE webhook_events (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  order_id uuid REFERENCES orders (id),
  position integer NOT NULL,
  type text NOT NULL,
  dedup_key text NOT NULL,
  body bytea NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'queued', 'delivered', 'dead')),
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  lease uuid, -- of the one worker that may send it; NULL until one takes it from the queue
  leased_until timestamptz,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  UNIQUE (order_id, position),
  CHECK ((status = 'queued') = (leased_until IS NOT NULL)),
  CHECK (lease IS NULL OR status = 'queued')
);
CREATE INDEX webhook_events_due ON webhook_events (due_at) WHERE status = 'pending';
CREATE INDEX webhook_events_queued ON webhook_events (leased_until) WHERE status = 'queued';
CREATE INDEX webhook_events_open ON webhook_events (order_id, position)
  WHERE status IN ('pending', 'queued');
CREATE INDEX webhook_events_partner ON webhook_events (partner_id, id);

CREATE TABLE webhook_attempts (
  event_id uuid NOT NULL REFERENCES webhook_events (id),
  attempt integer NOT NULL,
  started_at timestamptz NOT NULL,
  latency_ms integer NOT NULL,
  http_status integer,
  error text,
  PRIMARY KEY (event_id, attempt, started_at)
);

GRANT INSERT ON webhook_events TO swapgate_settlement, swapgate_admin;
GRANT SELECT ON webhook_events TO swapgate_settlement, swapgate_admin;
GRANT SELECT, UPDATE (status, attempts, due_at, lease, leased_until, finished_at)
  ON webhook_events TO swapgate_gateway;
GRANT SELECT, INSERT ON webhook_attempts TO swapgate_gateway;
GRANT SELECT ON webhook_attempts TO swapgate_admin;
