"""Webhook events: claimed when due, leased to one worker, settled by how the attempt went."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.webhooks.circuit_breaker import VersionedCircuitBreaker
from domain.webhooks.delivery import FinishedAttempt
from domain.webhooks.events import RETRY_SCHEDULE, Event, EventType, remaining_schedule
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import COLUMNS as CIRCUIT
from persistence.postgres.webhooks.circuit_breakers import versioned_circuit_breaker

SESSION = {"enable_seqscan": "off", "jit": "off"}
"""Settings of sessions that run these: a queue is empty now and long a moment later, and a plan
made for the one would read the whole table for the other."""

# By status, never by "id greater than the last": whatever commits late is found all the same. Only
# an order's earliest open event is taken; its position is the order's version, so it committed
# before the later ones.
#
# Each partner has a share of its own: what its circuit allows less what is queued of it, and never
# more than a quarter of the room that is left, so that however many endpoints are slow at once
# there is always room for one more. Partners with something pending are found by steps through the
# index, one each. One relay claims at a time; the others come away with nothing and try again. A
# probe that nobody has reported of within a lease is made again. `OFFSET 0` and arrays keep the
# planner from joining the whole queue with itself while it believes that the queue is empty. Nobody
# waits for the disk: a claim that is lost was none, and whoever takes an event waits for both.
CLAIM_DUE = """
WITH RECURSIVE turn AS MATERIALIZED (
  SELECT pg_try_advisory_xact_lock(7723346) AS mine,
    set_config('synchronous_commit', 'off', true) AS committing
), partner AS (
  (SELECT partner_id, due_at FROM webhook_events
   WHERE status = 'pending' AND (SELECT mine FROM turn)
   ORDER BY partner_id, due_at LIMIT 1)
  UNION ALL
  SELECT further.partner_id, further.due_at FROM partner CROSS JOIN LATERAL (
    SELECT e.partner_id, e.due_at FROM webhook_events e
    WHERE e.status = 'pending' AND e.partner_id > partner.partner_id
    ORDER BY e.partner_id, e.due_at LIMIT 1
  ) further
), waiting AS MATERIALIZED (
  SELECT partner_id, count(*) OVER () AS partners FROM partner WHERE due_at <= $1
), busy AS MATERIALIZED (
  SELECT partner_id, count(*) AS events FROM webhook_events
  WHERE status = 'queued' AND (SELECT mine FROM turn)
  GROUP BY partner_id
), room AS MATERIALIZED (
  SELECT greatest($3::integer - coalesce(sum(events), 0), 0)::bigint AS events FROM busy
), share AS (
  SELECT waiting.partner_id, CASE
    WHEN c.opened_at IS NULL THEN least(
      least(coalesce(c.concurrency, $4), $4::integer, greatest(room.events / 4, 1))
        - coalesce(busy.events, 0),
      greatest(2 * $5::integer / waiting.partners, 4))
    WHEN c.probe_at <= $1 AND busy.events IS NULL
      AND (c.probed_at IS NULL OR c.probed_at < c.probe_at OR c.probed_at <= $1 - ($2 - $1))
      THEN 1
    ELSE 0 END AS events
  FROM waiting CROSS JOIN room
  LEFT JOIN busy ON busy.partner_id = waiting.partner_id
  LEFT JOIN webhook_circuits c ON c.partner_id = waiting.partner_id
  WHERE room.events > 0
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
  ORDER BY e.due_at, e.id LIMIT (SELECT least(events, $5::integer) FROM room)
), probing AS (
  UPDATE webhook_circuits c SET probed_at = $1
  FROM due WHERE c.partner_id = due.partner_id AND c.opened_at IS NOT NULL
)
UPDATE webhook_events SET status = 'queued', leased_until = $2
WHERE id = ANY (ARRAY(SELECT id FROM due))
RETURNING id
"""

UNCLAIM = """
UPDATE webhook_events SET status = 'pending', leased_until = NULL
WHERE id = ANY ($1::uuid[]) AND status = 'queued' AND lease IS NULL
RETURNING id
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

# What an open circuit has kept back dies when its own ladder would have ended, and not before the
# endpoint has been seen to fail after that moment: a time in which nobody tried doesn't count.
GIVE_UP = """
WITH hopeless AS (
  SELECT e.id, e.order_id, e.position, e.attempts
  FROM webhook_circuits c JOIN webhook_events e ON e.partner_id = c.partner_id
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
  FROM hopeless WHERE e.id = hopeless.id
  RETURNING e.id, hopeless.order_id, hopeless.position, hopeless.attempts
), logged AS (
  INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, error)
  SELECT id, attempts + 1, $1, 0, 'given up: the endpoint failed for as long as retries last'
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

# It waits for locks: a relay that began to claim before these were queued locks them for a moment,
# to find that it came too late. Who takes them first holds them; the other sees the lease then.
TAKE = """
WITH free AS (
  SELECT id FROM webhook_events
  WHERE id = ANY ($1::uuid[]) AND status = 'queued' AND (lease IS NULL OR leased_until <= $3)
  ORDER BY id FOR UPDATE
), taken AS (
  UPDATE webhook_events e SET lease = $2, leased_until = $4
  WHERE e.id = ANY (ARRAY(SELECT id FROM free))
  RETURNING e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.body, e.created_at, e.attempts
)
SELECT t.id, t.partner_id, t.order_id, t.type, t.dedup_key, t.body, t.created_at, t.attempts,
  p.webhook_url, p.webhook_secret_sealed, p.standard_webhooks, p.enabled,
  CASE WHEN p.standard_webhooks AND p.previous_webhook_secret_until > $3
    THEN p.previous_webhook_secret_sealed END AS previous_sealed,
  t.type = 'webhook.test' OR t.type = ANY (p.webhook_events) AS subscribed,
  t.type <> 'webhook.test' AND p.webhook_gone_at IS NOT NULL AS gone,
  o.deleted_at IS NOT NULL AS order_deleted
FROM taken t JOIN partners p ON p.id = t.partner_id LEFT JOIN orders o ON o.id = t.order_id
"""

# A lease says that its event is queued. What waits behind a failed event isn't due before it: were
# it left due, the claim would have to look at it on every poll. Once the event is settled for good,
# its successors are due at once.
RECORD = f"""
WITH given AS MATERIALIZED (
  SELECT * FROM json_to_recordset($1::text::json) AS given (
    id uuid, held_by uuid, becomes text, retry_at timestamptz, started_at timestamptz,
    latency_ms integer, http_status integer, error text, answer text)
), settled AS (
  UPDATE webhook_events e SET
    status = given.becomes, attempts = e.attempts + 1, due_at = coalesce(given.retry_at, e.due_at),
    lease = NULL, leased_until = NULL,
    finished_at = CASE WHEN given.becomes <> 'pending' THEN $2::timestamptz END
  FROM given
  WHERE e.id = ANY (ARRAY(SELECT id FROM given)) AND e.id = given.id AND e.lease = given.held_by
  RETURNING e.id, e.partner_id, e.order_id, e.position, e.attempts, given.retry_at,
    given.started_at, given.latency_ms, given.http_status, given.error, given.answer
), logged AS (
  INSERT INTO webhook_attempts
    (event_id, attempt, started_at, latency_ms, http_status, error, answer)
  SELECT id, attempts, started_at, latency_ms, http_status, error, answer FROM settled
  ON CONFLICT DO NOTHING
), successors AS (
  UPDATE webhook_events later SET due_at = coalesce(settled.retry_at, $2)
  FROM settled
  WHERE later.order_id = ANY (ARRAY(SELECT order_id FROM settled))
    AND later.order_id = settled.order_id AND later.position > settled.position
    AND later.status = 'pending' AND later.attempts = 0
    AND CASE WHEN settled.retry_at IS NULL THEN later.due_at > $2
      ELSE later.due_at <> settled.retry_at END
)
SELECT settled.id, {CIRCUIT}
FROM settled LEFT JOIN webhook_circuits c ON c.partner_id = settled.partner_id
"""  # noqa: S608  the columns are a constant of ours

GIVE_BACK = """
UPDATE webhook_events SET status = 'pending', lease = NULL, leased_until = NULL
WHERE status = 'queued' AND lease = ANY ($1::uuid[])
RETURNING id
"""

# Not where the partner has set another URL meanwhile.
GONE = """
UPDATE partners SET webhook_gone_at = $3
WHERE id = $1 AND webhook_url = $2 AND webhook_gone_at IS NULL
RETURNING id
"""

BACK = """
UPDATE partners SET webhook_gone_at = NULL
WHERE id = $1 AND webhook_url = $2 AND webhook_gone_at IS NOT NULL
RETURNING id
"""

REMAINING = (
    "{"
    + ",".join(
        str(remaining_schedule(failed).total_seconds()) for failed in range(len(RETRY_SCHEDULE) + 1)
    )
    + "}"
)
"""How long a ladder may still take after 0, 1 ... failed attempts, in seconds."""


class LeasedEvent(msgspec.Struct, frozen=True):
    """An event leased for sending, with its partner's settings of this moment."""

    event: Event
    failed_attempts: int
    url: str | None
    webhook_secret: str | None
    previous_webhook_secret: str | None
    standard_webhooks: bool
    partner_enabled: bool
    subscribed: bool
    gone: bool
    order_deleted: bool

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"LeasedEvent(id={self.event.id})"


class PostgresWebhookEvents:
    """The outbox and its deliveries over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def claim_due(
        self,
        *,
        now: datetime,
        leased_until: datetime,
        room: int,
        per_endpoint: int,
        limit: int,
    ) -> Sequence[UUID]:
        """Mark due events as queued and return their ids; see Outbox."""
        parameters = [now, leased_until, room, per_endpoint, limit]
        rows = await self._database.fetch(CLAIM_DUE, parameters)
        return [UUID(row["id"]) for row in rows]

    async def unclaim(self, ids: Collection[UUID]) -> None:
        """Put claimed events back that no worker has taken."""
        await self._database.fetch(UNCLAIM, [list(ids)])

    async def release_expired(self, *, now: datetime) -> int:
        """Put queued events back whose lease is over; return how many."""
        return len(await self._database.fetch(RELEASE_EXPIRED, [now]))

    async def give_up_hopeless(self, *, now: datetime) -> int:
        """Give up what an open circuit has kept back for as long as retries last."""
        return len(await self._database.fetch(GIVE_UP, [now, REMAINING]))

    async def take(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """Lease those of the events that are queued and that nobody else holds."""
        rows = await self._database.fetch(TAKE, [list(ids), lease, now, leased_until])
        return [self._leased(row) for row in rows]

    async def record(
        self, finished: Sequence[FinishedAttempt], *, now: datetime
    ) -> Mapping[UUID, VersionedCircuitBreaker | None]:
        """Log attempts and settle their events, if the leases are still theirs; see Deliveries."""
        given = msgspec.json.encode([_given(one) for one in finished]).decode()
        rows = await self._database.fetch(RECORD, [given, now])
        return {
            UUID(row["id"]): versioned_circuit_breaker(row) if row["version"] is not None else None
            for row in rows
        }

    async def give_back(self, leases: Collection[UUID]) -> int:
        """Put events back that are still held under these leases; return how many."""
        return len(await self._database.fetch(GIVE_BACK, [list(leases)]))

    async def stop_sending(self, partner_id: UUID, url: str, *, now: datetime) -> bool:
        """Send nothing more to a URL that said it is gone; True where that is news."""
        return await self._database.fetch_one(GONE, [partner_id, url, now]) is not None

    async def resume_sending(self, partner_id: UUID, url: str) -> bool:
        """Send to this URL again; True where that is news."""
        return await self._database.fetch_one(BACK, [partner_id, url]) is not None

    def _leased(self, row: dict[str, Any]) -> LeasedEvent:
        partner_id = UUID(row["partner_id"])
        record = webhook_secret_record(partner_id)
        previous = row["previous_sealed"]
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
            webhook_secret=self._keyring.try_open(row["webhook_secret_sealed"], record=record),
            previous_webhook_secret=self._keyring.try_open(previous, record=record)
            if previous
            else None,
            standard_webhooks=row["standard_webhooks"],
            partner_enabled=row["enabled"],
            subscribed=row["subscribed"],
            gone=row["gone"],
            order_deleted=row["order_deleted"],
        )


def _given(finished: FinishedAttempt) -> dict[str, object]:
    attempt = finished.attempt
    return {
        "id": finished.event_id,
        "held_by": finished.lease,
        "becomes": finished.status,
        "retry_at": finished.retry_at,
        "started_at": attempt.started_at,
        "latency_ms": round(attempt.latency.total_seconds() * 1000),
        "http_status": attempt.http_status,
        "error": attempt.error,
        "answer": attempt.answer,
    }
