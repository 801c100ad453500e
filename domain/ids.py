"""Parsing of ids, and the creation time that a UUIDv7 contains (RFC 9562)."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=(1 << 128) - 1)

_MILLISECOND_BITS: Final = 80
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def first_id_at(moment: datetime) -> UUID:
    """Return the lowest id of a moment's millisecond: later ids are not below it."""
    milliseconds = max((moment - _EPOCH) // timedelta(milliseconds=1), 0)
    return UUID(int=milliseconds << _MILLISECOND_BITS)


def id_before(one: UUID, span: timedelta) -> UUID:
    """Return the lowest id of a time that is `span` before that of another id."""
    milliseconds = (one.int >> _MILLISECOND_BITS) - span // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << _MILLISECOND_BITS)


def made_at(one: UUID) -> datetime:
    """Return when an id was created, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=one.int >> _MILLISECOND_BITS)


def id_in(text: str | None) -> UUID | None:
    """Return the id that `text` contains; None for any other text, or for None."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
