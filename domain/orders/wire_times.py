"""Times that requests contain: Unix seconds, or ISO 8601 with a time zone."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason

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


def parse_time(value: int | str | None, *, field: str) -> datetime | None:
    """Return the time of a field, or None for None; raise InvalidRequest.

    Times before 1970 and after 2999 are rejected.
    """
    if value is None:
        return None
    at = _from_iso(value, field) if isinstance(value, str) else value
    seconds = at.timestamp() if isinstance(at, datetime) else at
    if not 0 <= seconds < LATEST:
        raise InvalidRequest(
            "a time is before 1970 or after 2999", field=field, reason=Reason.RANGE
        )
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)


def _from_iso(text: str, field: str) -> datetime:
    if _ISO.fullmatch(text) is None:
        raise InvalidRequest(
            "a time is not of the form 2024-05-27T08:53:20Z", field=field, reason=Reason.FORMAT
        )
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("a time does not exist", field=field, reason=Reason.RANGE) from None
