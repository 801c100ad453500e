"""The delivery workers' statements: lease queued events, and record the attempts to send them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID, LAST_ID, id_before
from domain.webhooks.circuit_breaker import VersionedCircuitBreaker
from domain.webhooks.delivery import FinishedAttempt, LeasedEvent
from domain.webhooks.events import Event, EventType
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database, Row
from persistence.postgres.webhooks.bodies import original_body
from persistence.postgres.webhooks.circuit_breakers import COLUMNS as CIRCUIT_BREAKER
from persistence.postgres.webhooks.circuit_breakers import versioned_circuit_breaker
from persistence.postgres.webhooks.events import IS_TEST

MAX_CLOCK_DIFFERENCE: Final = timedelta(days=1)
"""Of machines that create events: far more than any that `doctor` accepts."""

# It waits for locks: a relay that started to claim before these events were queued locks them for a
# moment, and then skips them. The first of two workers gets the lease; the other sees it then. The
# bounds of the ids keep it from looking for them in the partitions of other months.
LEASE: Final = f"""
WITH available AS (
  SELECT id FROM webhook_events
  WHERE id = ANY ($1::uuid[]) AND id >= $5 AND id <= $6
    AND status = 'queued' AND (lease IS NULL OR leased_until <= $3)
  ORDER BY id FOR UPDATE
), leased AS (
  UPDATE webhook_events e SET lease = $2, leased_until = $4
  WHERE e.id = ANY (ARRAY(SELECT id FROM available)) AND e.id >= $5 AND e.id <= $6
  RETURNING e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.body, e.created_at, e.attempts
)
SELECT e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.body, e.created_at, e.attempts,
  p.webhook_url, p.webhook_secret_sealed, p.standard_webhooks, p.enabled,
  CASE WHEN p.standard_webhooks AND p.previous_webhook_secret_until > $3
    THEN p.previous_webhook_secret_sealed END AS previous_sealed,
  {IS_TEST} OR e.type = ANY (p.webhook_events) AS subscribed,
  NOT {IS_TEST} AND p.webhook_gone_at IS NOT NULL AS endpoint_gone,
  o.deleted_at IS NOT NULL AS order_deleted, o.traceparent
FROM leased e JOIN partners p ON p.id = e.partner_id LEFT JOIN orders o ON o.id = e.order_id
"""  # noqa: S608  only constants of ours

# An event that has a lease is queued. The successors of a failed event are not due before it: were
# they left due, each poll of the relay would scan them. Once the event is settled for good, its
# successors are due at once. They have later ids, but for the differences between clocks.
RECORD: Final = f"""
WITH finished AS MATERIALIZED (
  SELECT * FROM json_to_recordset($1::text::json) AS finished (
    id uuid, lease uuid, status text, retry_at timestamptz, started_at timestamptz,
    latency_ms integer, http_status integer, error text, response_body text)
), settled AS (
  UPDATE webhook_events e SET
    status = finished.status, attempts = e.attempts + 1,
    due_at = coalesce(finished.retry_at, e.due_at), lease = NULL, leased_until = NULL,
    finished_at = CASE WHEN finished.status <> 'pending' THEN $2::timestamptz END
  FROM finished
  WHERE e.id = ANY (ARRAY(SELECT id FROM finished)) AND e.id >= $3 AND e.id <= $4
    AND e.id = finished.id AND e.lease = finished.lease
  RETURNING e.id, e.partner_id, e.order_id, e.position, e.attempts, finished.retry_at,
    finished.started_at, finished.latency_ms, finished.http_status, finished.error,
    finished.response_body
), logged AS (
  INSERT INTO webhook_attempts
    (event_id, attempt, started_at, latency_ms, http_status, error, response_body)
  SELECT id, attempts, started_at, latency_ms, http_status, error, response_body FROM settled
  ON CONFLICT DO NOTHING
), successors AS (
  UPDATE webhook_events later SET due_at = coalesce(settled.retry_at, $2)
  FROM settled
  WHERE later.order_id = ANY (ARRAY(SELECT order_id FROM settled))
    AND later.order_id = settled.order_id AND later.position > settled.position
    AND later.id >= $5 AND later.status = 'pending' AND later.attempts = 0
    AND CASE WHEN settled.retry_at IS NULL THEN later.due_at > $2
      ELSE later.due_at <> settled.retry_at END
)
SELECT settled.id, {CIRCUIT_BREAKER}
FROM settled LEFT JOIN webhook_circuit_breakers c ON c.partner_id = settled.partner_id
"""  # noqa: S608  the columns are a constant of ours

RELEASE: Final = """
UPDATE webhook_events SET status = 'pending', lease = NULL, leased_until = NULL
WHERE status = 'queued' AND lease = ANY ($1::uuid[])
RETURNING id
"""

# The URL is compared because the partner may have set another one since the attempt.
MARK_GONE: Final = """
UPDATE partners SET webhook_gone_at = $3
WHERE id = $1 AND webhook_url = $2 AND webhook_gone_at IS NULL
RETURNING id
"""

CLEAR_GONE: Final = """
UPDATE partners SET webhook_gone_at = NULL
WHERE id = $1 AND webhook_url = $2 AND webhook_gone_at IS NOT NULL
RETURNING id
"""


class PostgresDeliveries:
    """Deliveries over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def lease(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """See Deliveries."""
        parameters = [list(ids), lease, now, leased_until, *_bounds(ids)]
        rows = await self._database.fetch(LEASE, parameters)
        return [self._leased_event(row) for row in rows]

    async def record(
        self, finished: Sequence[FinishedAttempt], *, now: datetime
    ) -> Mapping[UUID, VersionedCircuitBreaker | None]:
        """See Deliveries."""
        records = msgspec.json.encode([_record(one) for one in finished]).decode()
        first, last = _bounds([one.event_id for one in finished])
        rows = await self._database.fetch(
            RECORD, [records, now, first, last, id_before(first, MAX_CLOCK_DIFFERENCE)]
        )
        return {
            UUID(row["id"]): versioned_circuit_breaker(row) if row["version"] is not None else None
            for row in rows
        }

    async def release(self, leases: Collection[UUID]) -> int:
        """See Deliveries."""
        return len(await self._database.fetch(RELEASE, [list(leases)]))

    async def mark_gone(self, partner_id: UUID, url: str, *, now: datetime) -> bool:
        """See Deliveries."""
        return await self._database.fetch_one(MARK_GONE, [partner_id, url, now]) is not None

    async def clear_gone(self, partner_id: UUID, url: str) -> bool:
        """See Deliveries."""
        return await self._database.fetch_one(CLEAR_GONE, [partner_id, url]) is not None

    def _leased_event(self, row: Row) -> LeasedEvent:
        partner_id = UUID(row["partner_id"])
        return LeasedEvent(
            event=Event(
                id=UUID(row["id"]),
                partner_id=partner_id,
                order_id=UUID(row["order_id"]) if row["order_id"] else None,
                type=EventType(row["type"]),
                dedup_key=row["dedup_key"],
                body=original_body(row["body"]),
                created_at=row["created_at"],
            ),
            failed_attempts=row["attempts"],
            url=row["webhook_url"],
            webhook_secret=self._decrypt(partner_id, row["webhook_secret_sealed"]),
            previous_webhook_secret=self._decrypt(partner_id, row["previous_sealed"]),
            standard_webhooks=row["standard_webhooks"],
            partner_enabled=row["enabled"],
            subscribed=row["subscribed"],
            endpoint_gone=row["endpoint_gone"],
            order_deleted=row["order_deleted"],
            traceparent=row["traceparent"],
        )

    def _decrypt(self, partner_id: UUID, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._keyring.try_open(sealed, record=webhook_secret_record(partner_id))


def _bounds(ids: Collection[UUID]) -> tuple[UUID, UUID]:
    """Return the lowest and the highest of these ids; without any, bounds of nothing."""
    return min(ids, default=LAST_ID), max(ids, default=FIRST_ID)


def _record(finished: FinishedAttempt) -> dict[str, object]:
    attempt = finished.attempt
    return {
        "id": finished.event_id,
        "lease": finished.lease,
        "status": finished.status,
        "retry_at": finished.retry_at,
        "started_at": attempt.started_at,
        "latency_ms": round(attempt.latency.total_seconds() * 1000),
        "http_status": attempt.http_status,
        "error": attempt.error,
        "response_body": attempt.response_body,
    }
