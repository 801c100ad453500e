"""Amounts and shares as people read them: exact, without trailing zeros."""

from decimal import Decimal

from domain.assets import Asset
from domain.money import format_units


def shown(units: int, asset: Asset) -> str:
    """Return an amount without trailing zeros: 0.01000000 is 0.01."""
    return trimmed(format_units(units, asset.precision))


def trimmed(decimal: str) -> str:
    """Return a decimal without trailing zeros."""
    return decimal.rstrip("0").removesuffix(".") if "." in decimal else decimal


def percent(bps: int) -> str:
    """Return basis points as a percentage: 50 is 0.5%."""
    return percentage(bps) + "%"


def percentage(bps: int) -> str:
    """Return basis points as the number in front of a percent sign: 50 is 0.5."""
    return trimmed(format_units(bps, 2))


def usd(amount: Decimal | str) -> str:
    """Return a sum in USD with two decimals, rounded down to whole cents: 1234.567 is $1,234.56."""
    value = Decimal(amount)
    cents = int(abs(value) * 100)
    sign = "-" if value < 0 and cents else ""
    return f"{sign}${cents // 100:,}.{cents % 100:02}"
