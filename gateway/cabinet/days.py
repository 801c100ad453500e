"""Days, as fields of a form and addresses of pages have them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NO_DAY: Final = "A day looks like 2026-05-01."
YEARS: Final = range(2000, 3000)
"""Any other is a slip of the finger, and the ends of the calendar have no day before or after."""


def day_in(text: str) -> date | None:
    """Return the day that a field names; None for what isn't one."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def begins(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins where the reader is."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def ends(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day is over where the reader is."""
    return begins(day + timedelta(days=1), zone)
