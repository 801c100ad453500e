"""Events and attempts as they are shown, and their replay: for the operator and for a partner."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.errors import NotFound
from domain.webhooks.delivery import (
    Backlog,
    EventStatus,
    ListedEvent,
    LoggedAttempt,
    ShownEvent,
)
from persistence.postgres.pool import Database

REPLAYED_AT_ONCE: Final = 1_000
_FIRST: Final = UUID(int=0)

EVENTS = """
SELECT e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.status, e.attempts, e.due_at,
  e.created_at, e.finished_at, e.body, a.attempt, a.started_at, a.latency_ms, a.http_status,
  a.error, a.answer
FROM webhook_events e LEFT JOIN LATERAL (
  SELECT * FROM webhook_attempts a WHERE a.event_id = e.id
  ORDER BY a.started_at DESC, a.attempt DESC LIMIT 1
) a ON true
"""

LIST = f"""{EVENTS}
WHERE e.partner_id = $1 AND e.status = ANY ($2::text[])
ORDER BY e.id DESC LIMIT $3::integer
"""

SHOW = f"{EVENTS} WHERE e.id = $1"

ATTEMPTS = """
SELECT attempt, started_at, latency_ms, http_status, error, answer FROM webhook_attempts
WHERE event_id = $1 ORDER BY started_at, attempt
"""

# Id and body stay: it is the same event again, and its ladder begins anew. One that waits for its
# next attempt is only tried sooner, and one that is on its way is let go there.
REPLAY = """
UPDATE webhook_events SET
  status = 'pending', due_at = $2, finished_at = NULL,
  attempts = CASE WHEN status = 'pending' THEN attempts ELSE 0 END
WHERE id = $1 AND status <> 'queued'
RETURNING id
"""

# A step at a time, onward by id: what is delivered again meanwhile isn't met a second time.
REPLAY_SOME = """
WITH chosen AS (
  SELECT id FROM webhook_events
  WHERE partner_id = $1 AND id > $2 AND created_at >= $3 AND created_at < $4
    AND status = ANY ($5::text[])
  ORDER BY id LIMIT $6::integer FOR UPDATE
)
UPDATE webhook_events e SET status = 'pending', due_at = $7, finished_at = NULL, attempts = 0
FROM chosen WHERE e.id = chosen.id
RETURNING e.id
"""

BACKLOG = """
SELECT
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at <= now()) AS due,
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at > now()) AS waiting,
  count(*) FILTER (WHERE status = 'queued') AS queued,
  count(*) FILTER (WHERE status = 'pending' AND c.partner_id IS NOT NULL) AS kept_back,
  (SELECT count(*) FROM webhook_circuits WHERE opened_at IS NOT NULL) AS open_circuits,
  min(due_at) FILTER (WHERE status = 'pending' AND c.partner_id IS NULL AND due_at <= now())
    AS oldest_due
FROM webhook_events e LEFT JOIN webhook_circuits c
  ON c.partner_id = e.partner_id AND c.opened_at IS NOT NULL
WHERE e.status IN ('pending', 'queued')
"""


OF_ORDER = f"{EVENTS} WHERE e.partner_id = $1 AND e.order_id = $2 ORDER BY e.position"

ATTEMPTS_OF = """
SELECT event_id, attempt, started_at, latency_ms, http_status, error, answer FROM webhook_attempts
WHERE event_id = ANY ($1::uuid[]) ORDER BY started_at, attempt
"""


class PostgresOutboxStats:
    """The outbox as a whole, under the gateway's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def backlog(self) -> Backlog:
        """Return what waits."""
        (row,) = await self._database.fetch(BACKLOG)
        return Backlog(**row)


async def list_events(
    database: Database, partner_id: UUID, *, statuses: Collection[EventStatus], limit: int
) -> list[ListedEvent]:
    """Return a partner's newest events that have one of these statuses, newest first."""
    wanted = [status.value for status in statuses]
    return [listed_event(row) for row in await database.fetch(LIST, [partner_id, wanted, limit])]


async def show_event(database: Database, event_id: UUID) -> ShownEvent:
    """Return an event, whoever's it is; raise NotFound."""
    row = await database.fetch_one(SHOW, [event_id])
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    attempts = await database.fetch(ATTEMPTS, [event_id])
    return ShownEvent(
        event=listed_event(row),
        partner_id=UUID(row["partner_id"]),
        body=row["body"].decode(),
        attempts=[logged_attempt(attempt) for attempt in attempts],
    )


async def events_of_order(database: Database, partner_id: UUID, order_id: UUID) -> list[ShownEvent]:
    """Return an order's events with all their attempts, in the order's own order."""
    rows = await database.fetch(OF_ORDER, [partner_id, order_id])
    attempts: dict[str, list[LoggedAttempt]] = {row["id"]: [] for row in rows}
    ids = [UUID(row["id"]) for row in rows]
    for row in await database.fetch(ATTEMPTS_OF, [ids]) if ids else []:
        attempts[row["event_id"]].append(logged_attempt(row))
    return [
        ShownEvent(
            event=listed_event(row),
            partner_id=partner_id,
            body=row["body"].decode(),
            attempts=attempts[row["id"]],
        )
        for row in rows
    ]


async def replay_event(database: Database, event_id: UUID, *, now: datetime) -> None:
    """Have an event sent again, whoever's it is; raise NotFound."""
    if await database.fetch_one(REPLAY, [event_id, now]) is None:
        await show_event(database, event_id)


async def replay_between(
    database: Database,
    partner_id: UUID,
    *,
    since: datetime,
    until: datetime,
    statuses: Collection[EventStatus],
    now: datetime,
) -> int:
    """Have a partner's settled events of a time sent again; return how many.

    `since` counts and `until` doesn't; `statuses` are dead, delivered or both.
    """
    wanted = [status.value for status in statuses]
    last, replayed = _FIRST, 0
    while True:
        parameters = [partner_id, last, since, until, wanted, REPLAYED_AT_ONCE, now]
        ids: Sequence[UUID] = [
            UUID(row["id"]) for row in await database.fetch(REPLAY_SOME, parameters)
        ]
        replayed += len(ids)
        if len(ids) < REPLAYED_AT_ONCE:
            return replayed
        last = max(ids)


def listed_event(row: dict[str, Any]) -> ListedEvent:
    """Return the event of a row as EVENTS has them."""
    return ListedEvent(
        id=UUID(row["id"]),
        order_id=UUID(row["order_id"]) if row["order_id"] else None,
        type=row["type"],
        dedup_key=row["dedup_key"],
        status=EventStatus(row["status"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        last=logged_attempt(row) if row["attempt"] is not None else None,
    )


def logged_attempt(row: dict[str, Any]) -> LoggedAttempt:
    """Return the attempt of a row."""
    return LoggedAttempt(
        attempt=row["attempt"],
        started_at=row["started_at"],
        latency_ms=row["latency_ms"],
        http_status=row["http_status"],
        error=row["error"],
        answer=row["answer"],
    )
