"""Times that requests contain: Unix seconds, or ISO 8601 with a time zone."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from domain.errors import InvalidRequest

LATEST: Final = 32_503_680_000
"""The year 3000 in Unix seconds: calculations with later times may overflow."""

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)

TimeIn = Annotated[
    int | str,
    msgspec.Meta(
        description="A time in Unix seconds, or ISO 8601 with a time zone.",
        extra_json_schema={
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": LATEST - 1},
                {"type": "string", "examples": ["2024-05-27T08:53:20Z"]},
            ]
        },
    ),
]


def parse_time(value: int | str | None) -> datetime | None:
    """Return the time, or None for None; raise InvalidRequest for one before 1970 or after 2999."""
    if value is None:
        return None
    at = _from_iso(value) if isinstance(value, str) else value
    seconds = at.timestamp() if isinstance(at, datetime) else at
    if not 0 <= seconds < LATEST:
        raise InvalidRequest("a time is before 1970 or after 2999")
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)


def _from_iso(text: str) -> datetime:
    if _ISO.fullmatch(text) is None:
        raise InvalidRequest("a time is not of the form 2024-05-27T08:53:20Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("a time does not exist") from None
