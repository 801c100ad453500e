"""Formats amounts and percentages exactly, without trailing zeros."""

from decimal import Decimal

from domain.assets import Asset
from domain.money import format_units


def format_amount(units: int, asset: Asset) -> str:
    """Return an amount in the asset's main unit without trailing zeros: 0.01000000 is 0.01."""
    return without_trailing_zeros(format_units(units, asset.precision))


def without_trailing_zeros(decimal: str) -> str:
    """Return a decimal number without trailing zeros."""
    return decimal.rstrip("0").removesuffix(".") if "." in decimal else decimal


def percent(bps: int) -> str:
    """Return basis points as a percentage: 50 is 0.5%."""
    return percentage(bps) + "%"


def percentage(bps: int) -> str:
    """Return basis points as a percentage without the percent sign: 50 is 0.5."""
    return without_trailing_zeros(format_units(bps, 2))


def usd(amount: Decimal | str) -> str:
    """Return an amount in USD, rounded toward zero to whole cents: 1234.567 is $1,234.56."""
    value = Decimal(amount)
    cents = int(abs(value) * 100)
    sign = "-" if value < 0 and cents else ""
    return f"{sign}${cents // 100:,}.{cents % 100:02}"
