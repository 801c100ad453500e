"""The retry schedule: when a failed event is attempted again (contract, section 8)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

JITTER: Final = 0.10
RETRY_SCHEDULE: Final = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""Delays after the first, second ... failed attempt; after the last the event is dead-lettered."""
MAX_RETRY_AFTER: Final = timedelta(hours=1)
"""The longest delay that a Retry-After header is granted."""

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def retry_delay(
    failed_attempts: int,
    *,
    uniform: Callable[[float, float], float],
    requested: timedelta | None = None,
) -> timedelta | None:
    """Return the delay after `failed_attempts` (1 or more); None where the event becomes dead.

    `uniform(a, b)` draws the jitter. A delay `requested` by Retry-After makes it longer, up to an
    hour, and never shorter: an endpoint cannot have itself called more often.
    """
    if failed_attempts > len(RETRY_SCHEDULE):
        return None
    delay = RETRY_SCHEDULE[failed_attempts - 1] * uniform(1 - JITTER, 1 + JITTER)
    if requested is None:
        return delay
    return max(delay, min(requested, MAX_RETRY_AFTER) * uniform(1, 1 + JITTER))


def remaining_schedule(failed_attempts: int) -> timedelta:
    """Return how long the retries of an event may still take after `failed_attempts`, at most."""
    return sum(RETRY_SCHEDULE[failed_attempts:], timedelta()) * (1 + JITTER)


def retry_after_delay(retry_after: str | None, *, now: datetime) -> timedelta | None:
    """Return the delay of a Retry-After header: whole seconds or a date (RFC 9110, 10.2.3).

    None where the header is missing or malformed, or where its date has passed.
    """
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text)) if int(text) else None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    delay = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return delay if delay > timedelta() else None
