"""What orders may be worth, as the operator sets it: USD bounds of all pairs and of single ones."""

from collections.abc import Mapping

import msgspec

from domain.errors import InvalidRequest
from domain.money import CENT_DECIMALS, UNITS_PER_CENT, format_usd, parse_units, power_of_ten

MAX_USD = 1_000_000_000
NONE = "none"


class PairLimits(msgspec.Struct, frozen=True):
    """A pair's own bounds in 10^-18 USD; None where those of all pairs apply."""

    min_usd: int | None = None
    max_usd: int | None = None


class Limits(msgspec.Struct, frozen=True):
    """The bounds and the daily cap of the installation in 10^-18 USD, and the pairs' own bounds."""

    min_usd: int
    max_usd: int
    daily_cap_usd: int | None
    pairs: Mapping[tuple[str, str], PairLimits]


class Headroom(msgspec.Struct, frozen=True):
    """How much may still be promised: of assets with a reserve (smallest units), and today.

    `usd_today` is in 10^-18 USD, None without a cap. A worker knows it of a moment ago and quotes
    by it; what decides is the database, when an order opens.
    """

    reserves: Mapping[str, int] = {}
    usd_today: int | None = None


def parse_usd(text: str) -> int:
    """Return an amount of USD with at most two decimals in 10^-18 USD; raise InvalidRequest."""
    try:
        cents = parse_units(text, CENT_DECIMALS)
    except InvalidRequest as error:
        raise InvalidRequest(f"{text!r} is no amount of USD: {error}") from None
    if cents > MAX_USD * power_of_ten(CENT_DECIMALS):
        raise InvalidRequest(f"an amount of {text} USD is above {MAX_USD} USD")
    return cents * UNITS_PER_CENT


def parse_limit(text: str) -> int | None:
    """Return a limit, or None for the word `none`: no cap, or no bound of the pair's own."""
    return None if text == NONE else parse_usd(text)


def format_limit(value: int | None) -> str | None:
    """Return a limit in whole cents of USD, None where there is no limit."""
    return None if value is None else format_usd(value)


def checked_limits(limits: Limits) -> Limits:
    """Return limits that leave room for orders of every pair; raise InvalidRequest."""
    _check_room("all pairs", limits.min_usd, limits.max_usd)
    for (source, destination), own in limits.pairs.items():
        least = limits.min_usd if own.min_usd is None else own.min_usd
        most = limits.max_usd if own.max_usd is None else own.max_usd
        _check_room(f"{source} to {destination}", least, most)
    return limits


def _check_room(where: str, least: int, most: int) -> None:
    if least > most:
        raise InvalidRequest(
            f"the minimum of {where} would be {format_usd(least)} USD, "
            f"above its maximum of {format_usd(most)} USD"
        )
