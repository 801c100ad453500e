"""Counts the undelivered events of all partners, for the metrics."""

from domain.webhooks.health import OutboxStats
from persistence.postgres.pool import Database

STATS = """
SELECT
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at <= now()) AS due,
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at > now())
    AS scheduled,
  count(*) FILTER (WHERE status = 'queued') AS queued,
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NOT NULL) AS blocked,
  (SELECT count(*) FROM webhook_circuit_breakers WHERE opened_at IS NOT NULL)
    AS open_circuit_breakers,
  min(due_at) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at <= now())
    AS oldest_due_at,
  min(e.created_at) FILTER (WHERE status = 'queued' OR c.partner_id IS NULL)
    AS oldest_undelivered_at
FROM webhook_events e LEFT JOIN webhook_circuit_breakers c
  ON c.partner_id = e.partner_id AND c.opened_at IS NOT NULL
WHERE e.status IN ('pending', 'queued')
"""


async def read_outbox_stats(database: Database) -> OutboxStats:
    """Return the number of undelivered events; raise Unavailable."""
    (row,) = await database.fetch(STATS)
    return OutboxStats(**row)
