"""Days in form fields and query strings, and when they begin and end in a time zone."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

YEARS: Final = range(2000, 3000)
"""Other years are typing errors, and the ends of the calendar have no adjacent day."""


def parse_day(text: str) -> date | None:
    """Return the day in ISO 8601 form, or None for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins in a time zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day ends in a time zone."""
    return start_of(day + timedelta(days=1), zone)
