"""Formats times for pages and exports."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def local(at: datetime, zone: ZoneInfo) -> str:
    """Return a time in a time zone: 1 May 2026, 14:00."""
    local_time = at.astimezone(zone)
    return f"{local_time.day} {local_time:%b %Y, %H:%M}"


def utc(at: datetime) -> str:
    """Return a time in UTC: 2026-05-01 12:00:00 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine(at: datetime) -> str:
    """Return a time in ISO 8601, for attributes and exports: 2026-05-01T12:00:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
