"""Webhook events: claimed when due, leased to one worker, settled by how the attempt went."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.ports import Attempt
from domain.webhooks import Event, EventType
from persistence.keyring import KeyRing
from persistence.postgres.partners import webhook_secret_record
from persistence.postgres.pool import Database

# By status, never by "id greater than the last": whatever commits late is found all the same. Only
# an order's earliest open event is taken; its position is the order's version, so it committed
# before the later ones.
CLAIM_DUE = """
WITH due AS (
  SELECT id FROM webhook_events e
  WHERE status = 'pending' AND due_at <= $1
    AND NOT EXISTS (
      SELECT FROM webhook_events earlier
      WHERE earlier.order_id = e.order_id AND earlier.position < e.position
        AND earlier.status IN ('pending', 'queued'))
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events e SET status = 'queued', leased_until = $2
FROM due WHERE e.id = due.id
RETURNING e.id
"""

RELEASE_EXPIRED = """
WITH expired AS (
  SELECT id FROM webhook_events
  WHERE status = 'queued' AND leased_until <= $1
  LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events e SET status = 'pending', lease = NULL, leased_until = NULL
FROM expired WHERE e.id = expired.id
RETURNING e.id
"""

# A row locked by another is being taken by another.
TAKE = """
WITH free AS (
  SELECT id FROM webhook_events
  WHERE id = ANY ($1::uuid[]) AND status = 'queued' AND (lease IS NULL OR leased_until <= $3)
  ORDER BY id FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE webhook_events e SET lease = $2, leased_until = $4
  FROM free WHERE e.id = free.id
  RETURNING e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.body, e.created_at, e.attempts
)
SELECT t.id, t.partner_id, t.order_id, t.type, t.dedup_key, t.body, t.created_at, t.attempts,
  p.webhook_url, p.webhook_secret_sealed, p.standard_webhooks, p.enabled,
  t.type = ANY (p.webhook_events) AS subscribed, o.deleted_at IS NOT NULL AS order_deleted
FROM taken t JOIN partners p ON p.id = t.partner_id LEFT JOIN orders o ON o.id = t.order_id
"""

# What waits behind a failed event isn't due before it: were it left due, the claim would have to
# look at it on every poll. Once the event is settled for good, its successors are due at once.
RECORD = """
WITH settled AS (
  UPDATE webhook_events SET
    status = $3, attempts = attempts + 1, due_at = coalesce($4, due_at),
    lease = NULL, leased_until = NULL,
    finished_at = CASE WHEN $3 <> 'pending' THEN $5::timestamptz END
  WHERE id = $1 AND status = 'queued' AND lease = $2
  RETURNING id, order_id, position, attempts
), logged AS (
  INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status, error)
  SELECT id, attempts, $6::timestamptz, $7::integer, $8::integer, $9::text FROM settled
), successors AS (
  UPDATE webhook_events later SET due_at = coalesce($4, $5)
  FROM settled
  WHERE later.order_id = settled.order_id AND later.position > settled.position
    AND later.status = 'pending' AND later.attempts = 0
)
SELECT id FROM settled
"""

GIVE_BACK = """
UPDATE webhook_events SET status = 'pending', lease = NULL, leased_until = NULL
WHERE status = 'queued' AND lease = ANY ($1::uuid[])
RETURNING id
"""


class LeasedEvent(msgspec.Struct, frozen=True):
    """An event leased for sending, with its partner's settings of this moment."""

    event: Event
    failed_attempts: int
    url: str | None
    webhook_secret: str | None
    standard_webhooks: bool
    partner_enabled: bool
    subscribed: bool
    order_deleted: bool

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"LeasedEvent(id={self.event.id})"


class PostgresWebhookEvents:
    """The outbox and its deliveries over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def claim_due(
        self, *, now: datetime, leased_until: datetime, limit: int
    ) -> Sequence[UUID]:
        """Mark due events as queued, at most one of each order, and return their ids."""
        rows = await self._database.fetch(CLAIM_DUE, [now, leased_until, limit])
        return [UUID(row["id"]) for row in rows]

    async def release_expired(self, *, now: datetime) -> int:
        """Put queued events back whose lease is over; return how many."""
        return len(await self._database.fetch(RELEASE_EXPIRED, [now]))

    async def take(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """Lease those of the events that are queued and that nobody else holds."""
        rows = await self._database.fetch(TAKE, [list(ids), lease, now, leased_until])
        return [self._leased(row) for row in rows]

    async def record(
        self,
        event_id: UUID,
        *,
        lease: UUID,
        attempt: Attempt,
        retry_at: datetime | None,
        now: datetime,
    ) -> bool:
        """Log an attempt and settle its event, if the lease is still the event's."""
        if attempt.delivered:
            status, retry_at = "delivered", None
        else:
            status = "pending" if retry_at else "dead"
        parameters = [
            event_id,
            lease,
            status,
            retry_at,
            now,
            attempt.started_at,
            round(attempt.latency.total_seconds() * 1000),
            attempt.http_status,
            attempt.error,
        ]
        return await self._database.fetch_one(RECORD, parameters) is not None

    async def give_back(self, leases: Collection[UUID]) -> int:
        """Put events back that are still held under these leases; return how many."""
        return len(await self._database.fetch(GIVE_BACK, [list(leases)]))

    def _leased(self, row: dict[str, Any]) -> LeasedEvent:
        partner_id = UUID(row["partner_id"])
        return LeasedEvent(
            event=Event(
                id=UUID(row["id"]),
                partner_id=partner_id,
                order_id=UUID(row["order_id"]) if row["order_id"] else None,
                type=EventType(row["type"]),
                dedup_key=row["dedup_key"],
                body=row["body"],
                created_at=row["created_at"],
            ),
            failed_attempts=row["attempts"],
            url=row["webhook_url"],
            webhook_secret=self._keyring.try_open(
                row["webhook_secret_sealed"], record=webhook_secret_record(partner_id)
            ),
            standard_webhooks=row["standard_webhooks"],
            partner_enabled=row["enabled"],
            subscribed=row["subscribed"],
            order_deleted=row["order_deleted"],
        )
