"""Amounts, shares and times as people read them; never rounded, only without needless zeros."""

from datetime import datetime

from domain.assets import Asset
from domain.money import format_units


def shown(units: int, asset: Asset) -> str:
    """Return an amount without zeros at its end: 0.01000000 is 0.01."""
    return trimmed(format_units(units, asset.precision))


def trimmed(decimal: str) -> str:
    """Return a decimal without zeros at its end."""
    return decimal.rstrip("0").removesuffix(".") if "." in decimal else decimal


def percent(bps: int) -> str:
    """Return basis points as a percentage: 50 is 0.5 %."""
    return trimmed(format_units(bps, 2)) + " %"


def moment(at: datetime) -> str:
    """Return a moment for a receipt: 2026-05-01 12:00:00 UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
