"""Exact amounts in whole smallest units, and the named roundings."""

from decimal import Decimal
from typing import Final

from domain.errors import InvalidRequest
from domain.reasons import Reason

USD_DECIMALS = 18
"""Prices and USD values are whole numbers of 10^-18 USD."""

CENT_DECIMALS = 2

BPS = 10_000
"""Basis points in one."""

MAX_INTEGER_DIGITS = 20
"""The maximum number of integer digits of an amount: beyond any asset's supply."""


_POWERS: Final[tuple[int, ...]] = tuple(10**exponent for exponent in range(64))


def power_of_ten(exponent: int) -> int:
    """Return 10^exponent for an exponent of zero or more."""
    if 0 <= exponent < len(_POWERS):
        return _POWERS[exponent]
    power: int = 10**exponent
    return power


UNITS_PER_CENT: Final = power_of_ten(USD_DECIMALS - CENT_DECIMALS)
"""A cent in 10^-18 USD."""


def parse_units(text: str, decimals: int) -> int:
    """Return the decimal `text` as a whole number of 10^-decimals.

    Raises InvalidRequest unless it is plain ASCII digits with at most one point between digits,
    at most `decimals` of them after the point and 20 before it, and more than zero.
    """
    whole, point, fraction = text.partition(".")
    if not (whole.isdigit() and text.isascii() and (fraction.isdigit() or not point)):
        raise InvalidRequest("not a plain decimal amount", reason=Reason.FORMAT)
    shift = decimals - len(fraction)
    if len(whole) > MAX_INTEGER_DIGITS or shift < 0:
        raise InvalidRequest(
            f"more than {decimals} decimals or {MAX_INTEGER_DIGITS} digits",
            reason=Reason.PRECISION if shift < 0 else Reason.RANGE,
        )
    units = int(whole + fraction) * power_of_ten(shift)
    if units == 0:
        raise InvalidRequest("zero", reason=Reason.RANGE)
    return units


def parse_cents(text: str) -> Decimal:
    """Return an amount with at most two decimals, such as USD; raise InvalidRequest."""
    return Decimal(parse_units(text, CENT_DECIMALS)).scaleb(-CENT_DECIMALS)


def format_units(units: int, decimals: int) -> str:
    """Return `units` times 10^-decimals with exactly that many decimals."""
    if units < 0:
        return "-" + format_units(-units, decimals)
    if decimals == 0:
        return str(units)
    digits = str(units).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def format_usd(value: int) -> str:
    """Return 10^-18 USD as a decimal with two decimals, rounded down to whole cents."""
    return format_units(quantize_down(value, UNITS_PER_CENT), CENT_DECIMALS)


def whole_cents(value: int) -> int:
    """Return 10^-18 USD rounded down to whole cents."""
    return quantize_down(value, UNITS_PER_CENT) * UNITS_PER_CENT


def units_of(amount: Decimal, decimals: int) -> int:
    """Return an exact Decimal as a whole number of 10^-decimals; raise ValueError if it is not."""
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int) or sign:
        raise ValueError(f"{amount} is not a finite amount of zero or more")
    value = int("".join(map(str, digits)))
    shift = exponent + decimals
    if shift >= 0:
        return value * power_of_ten(shift)
    quotient, remainder = divmod(value, power_of_ten(-shift))
    if remainder:
        raise ValueError(f"{amount} has more than {decimals} decimals")
    return quotient


def units_from(text: str, decimals: int) -> int:
    """Return a NUMERIC's text as a whole number of 10^-decimals; raises as `units_of`."""
    whole, _, fraction = text.partition(".")
    units, surplus = int(whole + fraction), len(fraction) - decimals
    if surplus <= 0:
        units, remainder = units * power_of_ten(-surplus), 0
    else:
        units, remainder = divmod(units, power_of_ten(surplus))
    if remainder or units < 0:
        raise ValueError(f"{text} has more than {decimals} decimals, or is negative")
    return units


def quantize_down(numerator: int, denominator: int) -> int:
    """Return the quotient rounded towards zero: for amounts to pay out."""
    return numerator // denominator


def quantize_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded away from zero: for amounts to be paid."""
    return -(-numerator // denominator)


def quantize_half_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest, halves up: for display only."""
    return (2 * numerator + denominator) // (2 * denominator)
