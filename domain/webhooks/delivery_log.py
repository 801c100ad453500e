"""A partner's delivery log: events, their attempts, filters, and pages by keyset."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

import msgspec

from domain.ids import first_id_at
from domain.webhooks.delivery import EventStatus
from domain.webhooks.events import EventType

PAGE_SIZE: Final = 25
"""Below the number of fields that a form may have: each event of a page can be selected."""
MAX_EVENTS_SCANNED: Final = 5_000
"""A page ends after scanning this many events, full or not: finding rare events among millions has
a bounded cost."""
MAX_CLOCK_SKEW: Final = timedelta(minutes=1)

_DUE_CURSOR = re.compile(r"(?P<due>[0-9]{1,17})_(?P<id>[0-9a-f-]{36})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class LoggedAttempt(msgspec.Struct, frozen=True):
    """An attempt as recorded. `attempt` counts from 1, and from 1 again after a replay."""

    attempt: int
    started_at: datetime
    latency_ms: int
    http_status: int | None
    error: str | None
    response_body: str | None


class EventSummary(msgspec.Struct, frozen=True):
    """An event without its body, and its newest attempt. A pending one is due at `due_at`."""

    id: UUID
    order_id: UUID | None
    type: str
    dedup_key: str
    status: EventStatus
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    last: LoggedAttempt | None


class EventDetails(msgspec.Struct, frozen=True):
    """An event with its body and its attempts, oldest first."""

    event: EventSummary
    partner_id: UUID
    body: str
    attempts: Sequence[LoggedAttempt]


class EventOutcome(StrEnum):
    """The delivery outcome of an event, as partners filter by it."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"

    @classmethod
    def of(cls, status: EventStatus) -> Self:
        """Return the outcome that a status means."""
        if status is EventStatus.DELIVERED:
            return cls("delivered")
        return cls("failed" if status is EventStatus.DEAD else "waiting")


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to list; None does not filter.

    `since` is inclusive and `until` exclusive. `resource_id` is the id of an order or of an event.
    """

    outcome: EventOutcome | None = None
    type: EventType | None = None
    since: datetime | None = None
    until: datetime | None = None
    resource_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether all events match."""
        return self == LogFilter()


class DueCursor(msgspec.Struct, frozen=True):
    """A position among waiting events, which are listed in the order in which they are due."""

    at: datetime
    id: UUID

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the cursor that `str` writes as this text; None for any other text."""
        parts = _DUE_CURSOR.fullmatch(text)
        if parts is None:
            return None
        try:
            return cls(_EPOCH + int(parts["due"]) * _MICROSECOND, UUID(parts["id"]))
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        """Return the form used in URLs: Unix microseconds, an underscore, the event's id."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}_{self.id}"


LogCursor = UUID | DueCursor
"""The last event of a page: by its id, or among waiting events by its due time and id."""


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log: newest first, waiting events in the order in which they are due.

    `next_cursor` is None on the last page. `searched_back_to` is set where the page ended before it
    was full: the creation time of the last event scanned.
    """

    events: Sequence[EventSummary]
    next_cursor: LogCursor | None
    searched_back_to: datetime | None = None


def first_event_id(at: datetime) -> UUID:
    """Return a lower bound of the ids (UUIDv7, RFC 9562) of all events created since `at`.

    An event's id and its creation time may come from clocks that differ by up to MAX_CLOCK_SKEW.
    """
    return first_id_at(at - MAX_CLOCK_SKEW)
