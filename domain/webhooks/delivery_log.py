"""What of its delivery log a partner asks for, and pages of it, which begin behind one another."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

import msgspec

from domain.ids import first_id_at
from domain.webhooks.delivery import EventStatus, ListedEvent
from domain.webhooks.events import EventType

PAGE: Final = 25
"""Fewer than a form may have fields: each event of a page may be ticked."""
LOOKED_AT: Final = 5_000
"""So many events are looked at for a page, and then it ends, whether or not it is full: what a
rare kind of event costs among millions is bounded."""
CLOCKS_DIFFER: Final = timedelta(minutes=1)

_DUE = re.compile(r"(?P<due>[0-9]{1,17})_(?P<id>[0-9a-f-]{36})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class EventOutcome(StrEnum):
    """What has become of an event, as people ask for it."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"

    @classmethod
    def of(cls, status: EventStatus) -> Self:
        """Return what an event of this status is."""
        if status is EventStatus.DELIVERED:
            return cls("delivered")
        return cls("failed" if status is EventStatus.DEAD else "waiting")


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for; None asks for all.

    `since` counts and `until` doesn't. `about` is the id of an order or of an event.
    """

    outcome: EventOutcome | None = None
    type: EventType | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: UUID | None = None

    @property
    def is_all(self) -> bool:
        """Tell whether nothing is left out."""
        return self == LogFilter()


class Due(msgspec.Struct, frozen=True):
    """A place among the waiting events, which are in the order in which they are due."""

    at: datetime
    id: UUID

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Read a place as `str` writes it; None for any other text."""
        parts = _DUE.fullmatch(text)
        try:
            return (
                cls(_EPOCH + int(parts["due"]) * _MICROSECOND, UUID(parts["id"])) if parts else None
            )
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        """Write it for an address."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}_{self.id}"


LogCursor = UUID | Due
"""Behind what a page begins: an event, or among the waiting ones a time and an event."""


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log: newest first, waiting events in the order in which they are due.

    `onward` is behind what the next page begins, None at the end. `looked_back_to` is where looking
    has stopped although the page isn't full.
    """

    events: Sequence[ListedEvent]
    onward: LogCursor | None
    looked_back_to: datetime | None = None


def first_id(at: datetime) -> UUID:
    """Return what is less than all ids (UUIDv7, RFC 9562) made from a moment on.

    Events are given their ids when they are made, by clocks that may differ a little.
    """
    return first_id_at(at - CLOCKS_DIFFER)
