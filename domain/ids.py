"""Ids as somebody has typed them, and what they tell of when they were made (UUIDv7, RFC 9562)."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=(1 << 128) - 1)

_MILLISECOND_BITS: Final = 80
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def first_id_at(moment: datetime) -> UUID:
    """Return the least id of a moment's millisecond: ids made since are not below it."""
    milliseconds = max((moment - _EPOCH) // timedelta(milliseconds=1), 0)
    return UUID(int=milliseconds << _MILLISECOND_BITS)


def made_at(one: UUID) -> datetime:
    """Return when an id was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=one.int >> _MILLISECOND_BITS)


def id_in(text: str | None) -> UUID | None:
    """Return the id that a text is; None for any other, or none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
