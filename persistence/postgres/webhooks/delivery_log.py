"""Reads pages of a partner's delivery log: by keyset, scanning a bounded number of events."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID, LAST_ID
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import (
    MAX_CLOCK_SKEW,
    MAX_EVENTS_SCANNED,
    PAGE_SIZE,
    DueCursor,
    EventOutcome,
    EventSummary,
    LogCursor,
    LogFilter,
    LogPage,
    first_event_id,
)
from domain.webhooks.events import EventType
from persistence.postgres.pool import Database, Row
from persistence.postgres.webhooks.events import (
    NEWEST_ATTEMPT,
    ORDER_NOT_DELETED,
    SUMMARY_COLUMNS,
    event_summary,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = {
    EventOutcome.WAITING: [EventStatus.PENDING.value],
    EventOutcome.DELIVERED: [EventStatus.DELIVERED.value],
    EventOutcome.FAILED: [EventStatus.DEAD.value],
}

# The events to scan, in the order of an index, within the bounds $2 and $3. Rare kinds have an
# index of their own (0035-partner-days.sql, 0043-delivery-log.sql); all others are found by
# scanning the newest events.
_NEWEST = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 ORDER BY id DESC
"""
_FAILED = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 AND status = 'dead' ORDER BY id DESC
"""
_RARE_TYPES = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND id < $2 AND id >= $3 AND type <> 'order.status_changed'
  ORDER BY id DESC
"""
_PENDING = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND status = 'pending' AND (due_at, id) > ($3::timestamptz, $2::uuid)
  ORDER BY due_at, id
"""
_QUEUED = """
  SELECT * FROM webhook_events
  WHERE partner_id = $1 AND status = 'queued' AND id < $2 AND id >= $3 ORDER BY id DESC
"""
_RESOURCE = """
  SELECT * FROM webhook_events WHERE partner_id = $1 AND (id = $2 OR order_id = $3)
  ORDER BY id DESC
"""

# The filters apply before the joins: only events that are shown are looked up elsewhere. Both
# nested loops preserve the order of the scan, and end when the page is full. The limit of the scan
# is a parameter: a plan for any limit reads the partitions in the order of their indexes, while one
# for a large limit may read and sort all of them.
_PAGE = """
SELECT {columns}
FROM ({scan} LIMIT $8::integer) e {newest_attempt}
WHERE ($4::text[] IS NULL OR e.status = ANY ($4::text[]))
  AND ($5::text IS NULL OR e.type = $5::text)
  AND ($6::timestamptz IS NULL OR e.created_at >= $6::timestamptz)
  AND ($7::timestamptz IS NULL OR e.created_at < $7::timestamptz)
  AND {order_not_deleted}
ORDER BY {order} LIMIT {page_size}
"""

_LAST_SCANNED = "SELECT id, due_at, created_at FROM ({scan} OFFSET $4::integer LIMIT 1) e"

_BY_ID: Final = "e.id DESC"
_BY_DUE: Final = "e.due_at, e.id"


class _Statements(msgspec.Struct, frozen=True):
    """The statements of one scan: a page of it, and the last event that it may reach."""

    page: str
    last_scanned: str


def _statements(scan: str, *, order: str = _BY_ID) -> _Statements:
    return _Statements(
        _PAGE.format(
            columns=SUMMARY_COLUMNS,
            scan=scan,
            newest_attempt=NEWEST_ATTEMPT,
            order_not_deleted=ORDER_NOT_DELETED,
            order=order,
            page_size=PAGE_SIZE + 1,
        ),
        _LAST_SCANNED.format(scan=scan),
    )


NEWEST: Final = _statements(_NEWEST)
FAILED: Final = _statements(_FAILED)
RARE_TYPES: Final = _statements(_RARE_TYPES)
PENDING: Final = _statements(_PENDING, order=_BY_DUE)
QUEUED: Final = _statements(_QUEUED)
RESOURCE: Final = _statements(_RESOURCE)


async def read_log_page(
    database: Database, partner_id: UUID, log_filter: LogFilter, cursor: LogCursor | None
) -> LogPage:
    """Return the page that follows `cursor`, without events of deleted orders.

    Raises Unavailable.
    """
    if log_filter.resource_id is not None:
        bounds = [partner_id, log_filter.resource_id, log_filter.resource_id]
        return await _page(database, RESOURCE, bounds, log_filter)
    if log_filter.outcome is EventOutcome.WAITING:
        return await _waiting(database, partner_id, log_filter, cursor)
    before = cursor if isinstance(cursor, UUID) else LAST_ID
    first = first_event_id(log_filter.since) if log_filter.since else FIRST_ID
    if log_filter.until is not None:
        before = min(before, first_event_id(log_filter.until + 2 * MAX_CLOCK_SKEW))
    return await _page(database, _scan_of(log_filter), [partner_id, before, first], log_filter)


async def _waiting(
    database: Database, partner_id: UUID, log_filter: LogFilter, cursor: LogCursor | None
) -> LogPage:
    """Return the events that are being sent, then those that are due next."""
    after = cursor if isinstance(cursor, DueCursor) else None
    bounds = [
        partner_id,
        after.id if after else FIRST_ID,
        after.at if after else _EPOCH,
    ]
    pending = await _page(database, PENDING, bounds, log_filter)
    if after is not None:
        return pending
    any_status = msgspec.structs.replace(log_filter, outcome=None)
    queued = await _page(database, QUEUED, [partner_id, LAST_ID, FIRST_ID], any_status)
    return msgspec.structs.replace(pending, events=[*queued.events, *pending.events])


def _scan_of(log_filter: LogFilter) -> _Statements:
    if log_filter.outcome is EventOutcome.FAILED:
        return FAILED
    if log_filter.type not in (None, EventType.ORDER_STATUS_CHANGED):
        return RARE_TYPES
    return NEWEST


async def _page(
    database: Database, scan: _Statements, bounds: list[Any], log_filter: LogFilter
) -> LogPage:
    statuses = _STATUSES[log_filter.outcome] if log_filter.outcome else None
    type_ = log_filter.type.value if log_filter.type else None
    rows = await database.fetch(
        scan.page,
        [*bounds, statuses, type_, log_filter.since, log_filter.until, MAX_EVENTS_SCANNED],
    )
    events = [event_summary(row) for row in rows[:PAGE_SIZE]]
    if len(rows) > PAGE_SIZE:
        return LogPage(events=events, next_cursor=_cursor_of_event(events[-1], scan))
    last = await database.fetch_one(scan.last_scanned, [*bounds, MAX_EVENTS_SCANNED - 1])
    if last is None:
        return LogPage(events=events, next_cursor=None)
    return LogPage(
        events=events, next_cursor=_cursor_of_row(last, scan), searched_back_to=last["created_at"]
    )


def _cursor_of_event(event: EventSummary, scan: _Statements) -> LogCursor:
    return DueCursor(event.due_at, event.id) if scan is PENDING else event.id


def _cursor_of_row(row: Row, scan: _Statements) -> LogCursor:
    event_id = UUID(row["id"])
    return DueCursor(row["due_at"], event_id) if scan is PENDING else event_id
