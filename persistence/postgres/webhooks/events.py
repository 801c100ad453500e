"""Reads webhook events and their attempts, for the cabinet and for the operator's command."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from domain.errors import EventArchived, NotFound
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary, LoggedAttempt
from domain.webhooks.events import TEST_PREFIX
from persistence.postgres.pool import Database, Row
from persistence.postgres.webhooks.bodies import original_body

ORDER_NOT_DELETED: Final = """
NOT EXISTS (SELECT FROM orders o WHERE o.id = e.order_id AND o.deleted_at IS NOT NULL)
"""
"""Of an event `e`: partners do not see events of orders that their users have deleted."""

IS_TEST: Final = f"starts_with(e.dedup_key, '{TEST_PREFIX}')"
"""Of an event `e`: whether it was sent on request, whatever its type."""

SUMMARY_COLUMNS: Final = """
  e.id, e.order_id, e.type, e.dedup_key, e.status, e.attempts, e.due_at, e.created_at,
  e.finished_at, a.attempt, a.started_at, a.latency_ms, a.http_status, a.error, a.response_body
"""
"""Of an event `e` and its newest attempt `a`: the columns of `event_summary`."""

NEWEST_ATTEMPT: Final = """
LEFT JOIN LATERAL (
  SELECT * FROM webhook_attempts a WHERE a.event_id = e.id
  ORDER BY a.started_at DESC, a.attempt DESC LIMIT 1
) a ON true
"""

DETAILS = f"""
SELECT {SUMMARY_COLUMNS}, e.partner_id, e.body FROM webhook_events e {NEWEST_ATTEMPT}
"""  # noqa: S608  only constants of this module

LIST = f"""{DETAILS}
WHERE e.partner_id = $1 AND e.status = ANY ($2::text[])
ORDER BY e.id DESC LIMIT $3::integer
"""

READ = f"""{DETAILS}
WHERE e.id = $1 AND ($2::uuid IS NULL OR (e.partner_id = $2::uuid AND {ORDER_NOT_DELETED}))
"""

READ_ATTEMPTS = """
SELECT attempt, started_at, latency_ms, http_status, error, response_body FROM webhook_attempts
WHERE event_id = $1 ORDER BY started_at DESC, attempt DESC LIMIT $2::integer
"""

IN_ARCHIVE = """
SELECT name FROM archived_partitions WHERE parent = 'webhook_events' AND ends > $1::uuid LIMIT 1
"""

LIST_OF_ORDER = f"{DETAILS} WHERE e.partner_id = $1 AND e.order_id = $2 ORDER BY e.position"

ATTEMPTS_OF_EVENTS = """
SELECT event_id, attempt, started_at, latency_ms, http_status, error, response_body
FROM webhook_attempts WHERE event_id = ANY ($1::uuid[]) ORDER BY started_at, attempt
"""


async def list_events(
    database: Database, partner_id: UUID, *, statuses: Collection[EventStatus], limit: int
) -> list[EventSummary]:
    """Return a partner's newest events with one of these statuses, newest first."""
    values = [status.value for status in statuses]
    return [event_summary(row) for row in await database.fetch(LIST, [partner_id, values, limit])]


async def read_event(
    database: Database,
    event_id: UUID,
    *,
    partner_id: UUID | None = None,
    max_attempts: int | None = None,
) -> EventDetails:
    """Return an event and its attempts, up to the newest `max_attempts`; raise NotFound.

    With `partner_id`, only an event that the partner may see; else any event.
    """
    row = await database.fetch_one(READ, [event_id, partner_id])
    if row is None:
        raise await no_event(database, event_id)
    attempts = await database.fetch(READ_ATTEMPTS, [event_id, max_attempts])
    return _event_details(row, [logged_attempt(attempt) for attempt in reversed(attempts)])


async def no_event(database: Database, event_id: UUID) -> NotFound:
    """Return the error for an event that is not stored: it may have been archived."""
    if await database.fetch(IN_ARCHIVE, [event_id]):
        return EventArchived(f"there is no event {event_id}: events of its time were archived")
    return NotFound(f"there is no event {event_id}")


async def list_events_of_order(
    database: Database, partner_id: UUID, order_id: UUID
) -> list[EventDetails]:
    """Return an order's events with all their attempts, in the sequence of their delivery."""
    rows = await database.fetch(LIST_OF_ORDER, [partner_id, order_id])
    attempts: dict[str, list[LoggedAttempt]] = {row["id"]: [] for row in rows}
    ids = [UUID(row["id"]) for row in rows]
    for row in await database.fetch(ATTEMPTS_OF_EVENTS, [ids]) if ids else []:
        attempts[row["event_id"]].append(logged_attempt(row))
    return [_event_details(row, attempts[row["id"]]) for row in rows]


def event_summary(row: Row) -> EventSummary:
    """Return the event of a row that has SUMMARY_COLUMNS."""
    return EventSummary(
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


def logged_attempt(row: Row) -> LoggedAttempt:
    """Return the attempt of a row."""
    return LoggedAttempt(
        attempt=row["attempt"],
        started_at=row["started_at"],
        latency_ms=row["latency_ms"],
        http_status=row["http_status"],
        error=row["error"],
        response_body=row["response_body"],
    )


def _event_details(row: Row, attempts: Sequence[LoggedAttempt]) -> EventDetails:
    return EventDetails(
        event=event_summary(row),
        partner_id=UUID(row["partner_id"]),
        body=original_body(row["body"]).decode(),
        attempts=attempts,
    )
