"""Published rates, and the conversion of amounts at them less a network fee."""

import msgspec

from domain.assets import Asset
from domain.market.fees import Margin
from domain.money import BPS, format_units, power_of_ten, quantize_up

MIN_RATE_DECIMALS = 8
MIN_RATE_DIGITS = 10


class Rate(msgspec.Struct, frozen=True, gc=False):
    """A published rate: `digits` times 10^-decimals. Partners compute with its text."""

    digits: int
    decimals: int

    def __str__(self) -> str:
        """Return the wire form."""
        return format_units(self.digits, self.decimals)

    @staticmethod
    def parse(text: str) -> "Rate":
        """Return the rate of a text produced by `str`."""
        whole, _, fraction = text.partition(".")
        return Rate(int(whole + fraction), len(fraction))


def ratio_rounded_down(numerator: int, denominator: int) -> Rate:
    """Return a quotient with at least 8 decimals and at least 10 significant digits, rounded down.

    Both arguments are positive.
    """
    decimals = MIN_RATE_DECIMALS
    digits = numerator * 10**decimals // denominator
    while digits < 10 ** (MIN_RATE_DIGITS - 1):
        decimals += MIN_RATE_DIGITS - len(str(digits)) if digits else MIN_RATE_DIGITS
        digits = numerator * 10**decimals // denominator
    return Rate(digits, decimals)


def rate_of(*, source_price: int, destination_price: int, margin: Margin) -> Rate:
    """Return destination units per source unit after the margin."""
    return ratio_rounded_down(source_price * margin.remainder, destination_price * BPS)


def lower_rate(one: Rate, other: Rate) -> Rate:
    """Return the rate that pays less; the first if they are equal."""
    scale = max(one.decimals, other.decimals)
    first = one.digits * power_of_ten(scale - one.decimals)
    second = other.digits * power_of_ten(scale - other.decimals)
    return one if first <= second else other


class Conversion:
    """Converts amounts between two assets at a rate, less a network fee, in smallest units."""

    __slots__ = ("_divisor", "_multiplier", "_network_fee")

    def __init__(self, rate: Rate, *, network_fee: int, source: Asset, destination: Asset) -> None:
        self._multiplier = rate.digits * power_of_ten(destination.precision)
        self._divisor = power_of_ten(source.precision + rate.decimals)
        self._network_fee = network_fee

    def paid_for(self, source_amount: int) -> int:
        """Return the payout for `source_amount`, rounded down; 0 if the fee exceeds it."""
        paid = source_amount * self._multiplier // self._divisor - self._network_fee
        return max(0, paid)

    def needed_for(self, destination_amount: int) -> int:
        """Return the deposit required for a payout of `destination_amount`, rounded up."""
        return quantize_up(
            (destination_amount + self._network_fee) * self._divisor, self._multiplier
        )
