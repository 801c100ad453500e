"""Pages of a partner's delivery log: by keyset, and never looking at more than so many events."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID, LAST_ID
from domain.webhooks.delivery import EventStatus, ListedEvent
from domain.webhooks.delivery_log import (
    CLOCKS_DIFFER,
    LOOKED_AT,
    PAGE,
    Due,
    EventOutcome,
    LogCursor,
    LogFilter,
    LogPage,
    first_id,
)
from domain.webhooks.events import EventType
from persistence.postgres.pool import Database, Row
from persistence.postgres.webhooks.operator_log import listed_event

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = {
    EventOutcome.WAITING: [EventStatus.PENDING.value],
    EventOutcome.DELIVERED: [EventStatus.DELIVERED.value],
    EventOutcome.FAILED: [EventStatus.DEAD.value],
}

# Where to look, in the order of an index, from $2 and $3 on. A rare kind has an index of its own
# (0035-partner-days.sql, 0043-delivery-log.sql); whatever else is asked for is sought among the
# newest.
_NEWEST = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 ORDER BY id DESC
"""
_FAILED = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 AND status = 'dead' ORDER BY id DESC
"""
_RARE = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 AND type <> 'order.status_changed'
  ORDER BY id DESC
"""
_WAITING = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND status = 'pending' AND (due_at, id) > ($3::timestamptz, $2::uuid)
  ORDER BY due_at, id
"""
_ON_THEIR_WAY = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND status = 'queued' AND id < $2 AND id >= $3 ORDER BY id DESC
"""
_ABOUT = """
  SELECT * FROM webhook_events WHERE partner_id = $1 AND (id = $2 OR order_id = $3)
  ORDER BY id DESC
"""

# The filters come before the joins: only what is shown is looked up elsewhere. Both loops keep the
# order of the place that is looked at, and end with the page.
_PAGE = """
SELECT e.id, e.order_id, e.type, e.dedup_key, e.status, e.attempts, e.due_at, e.created_at,
  e.finished_at, a.attempt, a.started_at, a.latency_ms, a.http_status, a.error, a.answer
FROM ({place} LIMIT {looked_at}) e LEFT JOIN LATERAL (
  SELECT * FROM webhook_attempts a WHERE a.event_id = e.id
  ORDER BY a.started_at DESC, a.attempt DESC LIMIT 1
) a ON true
WHERE ($4::text[] IS NULL OR e.status = ANY ($4::text[]))
  AND ($5::text IS NULL OR e.type = $5::text)
  AND ($6::timestamptz IS NULL OR e.created_at >= $6::timestamptz)
  AND ($7::timestamptz IS NULL OR e.created_at < $7::timestamptz)
  AND NOT EXISTS (SELECT FROM orders o WHERE o.id = e.order_id AND o.deleted_at IS NOT NULL)
ORDER BY {order} LIMIT {page}
"""

_END = "SELECT id, due_at, created_at FROM ({place} OFFSET {looked_at} LIMIT 1) e"

_BY_ID: Final = "e.id DESC"
_BY_DUE: Final = "e.due_at, e.id"


class _Reading(msgspec.Struct, frozen=True):
    """Both statements of a place."""

    page: str
    end: str


def _reading(place: str, *, order: str = _BY_ID) -> _Reading:
    return _Reading(
        _PAGE.format(place=place, order=order, looked_at=LOOKED_AT, page=PAGE + 1),
        _END.format(place=place, looked_at=LOOKED_AT - 1),
    )


NEWEST: Final = _reading(_NEWEST)
FAILED: Final = _reading(_FAILED)
RARE: Final = _reading(_RARE)
WAITING: Final = _reading(_WAITING, order=_BY_DUE)
ON_THEIR_WAY: Final = _reading(_ON_THEIR_WAY)
ABOUT: Final = _reading(_ABOUT)


async def read_log(
    database: Database, partner_id: UUID, wanted: LogFilter, behind: LogCursor | None
) -> LogPage:
    """Return a page of a partner's events, without those of deleted orders; raise Unavailable."""
    if wanted.about is not None:
        bounds = [partner_id, wanted.about, wanted.about]
        return await _page(database, ABOUT, bounds, wanted)
    if wanted.outcome is EventOutcome.WAITING:
        return await _waiting(database, partner_id, wanted, behind)
    below = behind if isinstance(behind, UUID) else LAST_ID
    least = first_id(wanted.since) if wanted.since else FIRST_ID
    if wanted.until is not None:
        below = min(below, first_id(wanted.until + 2 * CLOCKS_DIFFER))
    return await _page(database, _place(wanted), [partner_id, below, least], wanted)


async def _waiting(
    database: Database, partner_id: UUID, wanted: LogFilter, behind: LogCursor | None
) -> LogPage:
    """Return what is being sent, and then what is due next."""
    place = behind if isinstance(behind, Due) else None
    bounds = [
        partner_id,
        place.id if place else FIRST_ID,
        place.at if place else _EPOCH,
    ]
    page = await _page(database, WAITING, bounds, wanted)
    if place is not None:
        return page
    queued = msgspec.structs.replace(wanted, outcome=None)
    sent = await _page(database, ON_THEIR_WAY, [partner_id, LAST_ID, FIRST_ID], queued)
    return msgspec.structs.replace(page, events=[*sent.events, *page.events])


def _place(wanted: LogFilter) -> _Reading:
    if wanted.outcome is EventOutcome.FAILED:
        return FAILED
    if wanted.type not in (None, EventType.ORDER_STATUS_CHANGED):
        return RARE
    return NEWEST


async def _page(
    database: Database, reading: _Reading, bounds: list[Any], wanted: LogFilter
) -> LogPage:
    statuses = _STATUSES[wanted.outcome] if wanted.outcome else None
    type_ = wanted.type.value if wanted.type else None
    rows = await database.fetch(
        reading.page, [*bounds, statuses, type_, wanted.since, wanted.until]
    )
    events = [listed_event(row) for row in rows[:PAGE]]
    if len(rows) > PAGE:
        return LogPage(events=events, onward=_after(events[-1], reading))
    end = await database.fetch_one(reading.end, bounds)
    if end is None:
        return LogPage(events=events, onward=None)
    return LogPage(events=events, onward=_behind(end, reading), looked_back_to=end["created_at"])


def _after(event: ListedEvent, reading: _Reading) -> LogCursor:
    return Due(event.due_at, event.id) if reading is WAITING else event.id


def _behind(row: Row, reading: _Reading) -> LogCursor:
    event_id = UUID(row["id"])
    return Due(row["due_at"], event_id) if reading is WAITING else event_id
