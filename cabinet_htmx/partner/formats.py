"""Times and sums of money as the cabinet shows them."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo


def local(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment in a zone: 1 May 2026, 14:00."""
    there = at.astimezone(zone)
    return f"{there.day} {there:%b %Y, %H:%M}"


def utc(at: datetime) -> str:
    """Return a moment in UTC: 2026-05-01 12:00:00 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine(at: datetime) -> str:
    """Return a moment for a machine: 2026-05-01T12:00:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def usd(amount: Decimal | str) -> str:
    """Return a sum in USD with two decimals, rounded down to them: 1234.567 is $1,234.56."""
    value = Decimal(amount)
    cents = int(abs(value) * 100)
    sign = "-" if value < 0 and cents else ""
    return f"{sign}${cents // 100:,}.{cents % 100:02}"
