"""The operator's limits on the value of orders: USD bounds of pairs, and caps of their sums."""

from collections.abc import Mapping

import msgspec

from domain.errors import InvalidCommand, InvalidRequest
from domain.money import CENT_DECIMALS, UNITS_PER_CENT, format_usd, parse_units, power_of_ten

MAX_USD = 1_000_000_000
NONE = "none"


class PairLimits(msgspec.Struct, frozen=True):
    """A pair's own bounds in 10^-18 USD; None where those of all pairs apply."""

    min_usd: int | None = None
    max_usd: int | None = None


class Limits(msgspec.Struct, frozen=True):
    """The bounds and caps of the installation in 10^-18 USD, and the pairs' own bounds.

    `fixed_exposure_cap_usd` bounds the sum of the orders at a fixed rate that await a deposit or
    its confirmation. A cap of None is no cap.
    """

    min_usd: int
    max_usd: int
    daily_cap_usd: int | None
    pairs: Mapping[tuple[str, str], PairLimits]
    fixed_exposure_cap_usd: int | None = None


class Headroom(msgspec.Struct, frozen=True):
    """The remaining capacity: of assets with a reserve (in smallest units), and of the caps.

    `usd_today` and `fixed_usd`, which applies to fixed rates alone, are in 10^-18 USD, None without
    a cap. Workers quote by a cached value; the database enforces all when an order is created.
    """

    reserves: Mapping[str, int] = {}
    usd_today: int | None = None
    fixed_usd: int | None = None

    def for_fixed_rate(self) -> "Headroom":
        """Return the capacity for an order at a fixed rate."""
        if self.fixed_usd is None:
            return self
        usd = self.fixed_usd if self.usd_today is None else min(self.usd_today, self.fixed_usd)
        return msgspec.structs.replace(self, usd_today=usd)


def parse_usd(text: str) -> int:
    """Return an amount of USD with at most two decimals in 10^-18 USD; raise InvalidCommand."""
    try:
        cents = parse_units(text, CENT_DECIMALS)
    except InvalidRequest as error:
        raise InvalidCommand(f"{text!r} is no amount of USD: {error}") from None
    if cents > MAX_USD * power_of_ten(CENT_DECIMALS):
        raise InvalidCommand(f"an amount of {text} USD is above {MAX_USD} USD")
    return cents * UNITS_PER_CENT


def parse_limit(text: str) -> int | None:
    """Return a limit, or None for the word `none`: no cap, or the bound of all pairs."""
    return None if text == NONE else parse_usd(text)


def format_limit(value: int | None) -> str | None:
    """Return a limit in whole cents of USD, None where there is no limit."""
    return None if value is None else format_usd(value)


def checked_limits(limits: Limits) -> Limits:
    """Return limits whose minimum is at most the maximum for every pair; raise InvalidCommand."""
    _check_bounds("all pairs", limits.min_usd, limits.max_usd)
    for (source, destination), own in limits.pairs.items():
        minimum = limits.min_usd if own.min_usd is None else own.min_usd
        maximum = limits.max_usd if own.max_usd is None else own.max_usd
        _check_bounds(f"{source} to {destination}", minimum, maximum)
    return limits


def _check_bounds(scope: str, minimum: int, maximum: int) -> None:
    if minimum > maximum:
        raise InvalidCommand(
            f"the minimum of {scope} would be {format_usd(minimum)} USD, "
            f"above its maximum of {format_usd(maximum)} USD"
        )
