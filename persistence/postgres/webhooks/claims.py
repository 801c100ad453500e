"""The relay's statements: claim due events for the queue, and release those that it lost."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.webhooks.retry_schedule import RETRY_SCHEDULE, remaining_schedule
from persistence.postgres.pool import Database

SESSION: Final = {"enable_seqscan": "off", "jit": "off"}
"""Settings of the sessions that run the statements of relay and workers: a queue is empty now and
long a moment later, and a plan made for an empty one would read the whole table for a long one."""

# Events are selected by status, never by "id greater than the last one": an event that commits late
# is found as well. Only the earliest open event of an order is claimed; its position is the order's
# version, so that it committed before the later ones.
#
# Each partner has a share of its own: what its circuit breaker allows minus what is in flight, and
# at most a quarter of the remaining capacity, so that however many endpoints are slow at once,
# there is always capacity for one more. Partners with pending events are found by an index skip
# scan, one step each. One relay claims at a time; the others get nothing and try again. A half-open
# trial whose result is not recorded within a lease is repeated. `OFFSET 0` and arrays keep the
# planner from joining the whole queue with itself while it believes that the queue is empty. A
# claim does not wait for the disk: a claim that is lost was never made, and leasing an event waits
# for both.
CLAIM_DUE: Final = """
WITH RECURSIVE claim_lock AS MATERIALIZED (
  SELECT pg_try_advisory_xact_lock(7723346) AS acquired,
    set_config('synchronous_commit', 'off', true) AS synchronous_commit
), partner AS (
  (SELECT partner_id, due_at FROM webhook_events
   WHERE status = 'pending' AND (SELECT acquired FROM claim_lock)
   ORDER BY partner_id, due_at LIMIT 1)
  UNION ALL
  SELECT following.partner_id, following.due_at FROM partner CROSS JOIN LATERAL (
    SELECT e.partner_id, e.due_at FROM webhook_events e
    WHERE e.status = 'pending' AND e.partner_id > partner.partner_id
    ORDER BY e.partner_id, e.due_at LIMIT 1
  ) following
), waiting AS MATERIALIZED (
  SELECT partner_id, count(*) OVER () AS partners FROM partner WHERE due_at <= $1
), in_flight AS MATERIALIZED (
  SELECT partner_id, count(*) AS events FROM webhook_events
  WHERE status = 'queued' AND (SELECT acquired FROM claim_lock)
  GROUP BY partner_id
), capacity AS MATERIALIZED (
  SELECT greatest($3::integer - coalesce(sum(events), 0), 0)::bigint AS events FROM in_flight
), share AS (
  SELECT waiting.partner_id, CASE
    WHEN c.opened_at IS NULL THEN least(
      least(coalesce(c.concurrency, $4), $4::integer, greatest(capacity.events / 4, 1))
        - coalesce(in_flight.events, 0),
      greatest(2 * $5::integer / waiting.partners, 4))
    WHEN c.half_open_at <= $1 AND in_flight.events IS NULL
      AND (c.trial_started_at IS NULL OR c.trial_started_at < c.half_open_at
        OR c.trial_started_at <= $1 - ($2 - $1))
      THEN 1
    ELSE 0 END AS events
  FROM waiting CROSS JOIN capacity
  LEFT JOIN in_flight ON in_flight.partner_id = waiting.partner_id
  LEFT JOIN webhook_circuit_breakers c ON c.partner_id = waiting.partner_id
  WHERE capacity.events > 0
), due AS (
  SELECT e.id, share.partner_id FROM share CROSS JOIN LATERAL (
    SELECT id, due_at FROM webhook_events e
    WHERE e.partner_id = share.partner_id AND e.status = 'pending' AND e.due_at <= $1
      AND NOT EXISTS (
        SELECT FROM webhook_events earlier
        WHERE earlier.order_id = e.order_id AND earlier.position < e.position
          AND earlier.status IN ('pending', 'queued') OFFSET 0)
    ORDER BY e.due_at, e.id LIMIT greatest(share.events, 0)
    FOR UPDATE SKIP LOCKED
  ) e
  WHERE share.events > 0
  ORDER BY e.due_at, e.id LIMIT (SELECT least(events, $5::integer) FROM capacity)
), trial AS (
  UPDATE webhook_circuit_breakers c SET trial_started_at = $1
  FROM due WHERE c.partner_id = due.partner_id AND c.opened_at IS NOT NULL
)
UPDATE webhook_events SET status = 'queued', leased_until = $2
WHERE id = ANY (ARRAY(SELECT id FROM due))
RETURNING id
"""

UNCLAIM: Final = """
UPDATE webhook_events SET status = 'pending', leased_until = NULL
WHERE id = ANY ($1::uuid[]) AND status = 'queued' AND lease IS NULL
RETURNING id
"""

RELEASE_EXPIRED: Final = """
WITH expired AS (
  SELECT id FROM webhook_events
  WHERE status = 'queued' AND leased_until <= $1
  LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events e SET status = 'pending', lease = NULL, leased_until = NULL
FROM expired WHERE e.id = expired.id
RETURNING e.id
"""

# An event that an open circuit breaker blocks becomes dead when its own retry schedule would have
# ended, but not before the endpoint has failed after that time: time without attempts does not
# count.
DEAD_LETTER_BLOCKED: Final = """
WITH expired AS (
  SELECT e.id, e.order_id, e.position, e.attempts
  FROM webhook_circuit_breakers c JOIN webhook_events e ON e.partner_id = c.partner_id
  WHERE c.opened_at IS NOT NULL AND e.status = 'pending'
    AND greatest(e.due_at, c.opened_at)
      + ($2::text::float8[])[e.attempts + 1] * interval '1 second' <= c.failed_at
    AND NOT EXISTS (
      SELECT FROM webhook_events earlier
      WHERE earlier.order_id = e.order_id AND earlier.position < e.position
        AND earlier.status IN ('pending', 'queued'))
  LIMIT 1000 FOR UPDATE OF e SKIP LOCKED
), dead AS (
  UPDATE webhook_events e SET status = 'dead', finished_at = $1
  FROM expired WHERE e.id = expired.id
  RETURNING e.id, expired.order_id, expired.position, expired.attempts
), logged AS (
  INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, error)
  SELECT id, attempts + 1, $1, 0, 'abandoned: the endpoint failed for the whole retry schedule'
  FROM dead
  ON CONFLICT DO NOTHING
), successors AS (
  UPDATE webhook_events later SET due_at = $1 FROM dead
  WHERE later.order_id = ANY (ARRAY(SELECT order_id FROM dead))
    AND later.order_id = dead.order_id AND later.position > dead.position
    AND later.status = 'pending' AND later.due_at > $1
)
SELECT id FROM dead
"""

_REMAINING_SECONDS: Final = ",".join(
    str(remaining_schedule(failed).total_seconds()) for failed in range(len(RETRY_SCHEDULE) + 1)
)
REMAINING_SCHEDULE: Final = f"{{{_REMAINING_SECONDS}}}"
"""The seconds that retries may still take after 0, 1 ... failed attempts, as a PostgreSQL array."""


class PostgresOutbox:
    """Outbox over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due(
        self,
        *,
        now: datetime,
        leased_until: datetime,
        capacity: int,
        per_endpoint: int,
        limit: int,
    ) -> Sequence[UUID]:
        """See Outbox."""
        parameters = [now, leased_until, capacity, per_endpoint, limit]
        rows = await self._database.fetch(CLAIM_DUE, parameters)
        return [UUID(row["id"]) for row in rows]

    async def unclaim(self, ids: Collection[UUID]) -> None:
        """See Outbox."""
        await self._database.fetch(UNCLAIM, [list(ids)])

    async def release_expired(self, *, now: datetime) -> int:
        """See Outbox."""
        return len(await self._database.fetch(RELEASE_EXPIRED, [now]))

    async def dead_letter_blocked(self, *, now: datetime) -> int:
        """See Outbox."""
        return len(await self._database.fetch(DEAD_LETTER_BLOCKED, [now, REMAINING_SCHEDULE]))
