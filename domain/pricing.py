"""The one pricing engine: for quotes, orders, feeds and the swap page. All in exact integers."""

from enum import StrEnum

import msgspec

from domain.assets import Asset, Pair
from domain.limits import Headroom
from domain.money import (
    USD_DECIMALS,
    format_units,
    power_of_ten,
    quantize_down,
    quantize_half_up,
    quantize_up,
)
from domain.rates import RateSnapshot

BPS = 10_000
MIN_RATE_DECIMALS = 8
MIN_RATE_DIGITS = 10
BTC_DECIMALS = 8
CENT_DECIMALS = 2

UNBOUNDED = Headroom()


class Direction(StrEnum):
    """Which side of the swap an amount is of."""

    FROM = "from"
    TO = "to"


class Refusal(StrEnum):
    """What a create of a quote would be refused for."""

    LIMIT_MIN = "LIMIT_MIN"
    LIMIT_MAX = "LIMIT_MAX"
    RESERVE = "RESERVE"


class Rate(msgspec.Struct, frozen=True, gc=False):
    """A published rate: `digits` times 10^-decimals. Its text is what partners compute with."""

    digits: int
    decimals: int

    def __str__(self) -> str:
        """Return the wire form."""
        return format_units(self.digits, self.decimals)

    @staticmethod
    def parse(text: str) -> "Rate":
        """Return the rate that `str` gave `text`."""
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


class Quote(msgspec.Struct, frozen=True):
    """A priced swap. Amounts are in smallest units of their asset; USD values in 10^-18 USD."""

    pair: Pair
    source_amount: int
    destination_amount: int
    rate: Rate
    inverse: Rate
    network_fee: int
    fee_bps: int
    markup_bps: int
    source_price: int
    destination_price: int
    refusals: tuple[Refusal, ...]


def rate_of(*, source_price: int, destination_price: int, margin_bps: int) -> Rate:
    """Return destination units per source unit after the margin (fee plus markup)."""
    return ratio_rounded_down(source_price * (BPS - margin_bps), destination_price * BPS)


def destination_for(
    source_amount: int, *, rate: Rate, network_fee: int, source: Asset, destination: Asset
) -> int:
    """Return what is paid out for `source_amount`, rounded down; zero where the fee eats it."""
    gross = quantize_down(
        source_amount * rate.digits * 10**destination.precision,
        10 ** (source.precision + rate.decimals),
    )
    return max(gross - network_fee, 0)


def source_for(
    destination_amount: int, *, rate: Rate, network_fee: int, source: Asset, destination: Asset
) -> int:
    """Return what must be deposited for `destination_amount` to be paid out, rounded up."""
    return quantize_up(
        (destination_amount + network_fee) * 10 ** (source.precision + rate.decimals),
        rate.digits * 10**destination.precision,
    )


def quote(
    pair: Pair,
    snapshot: RateSnapshot,
    *,
    direction: Direction,
    amount: int,
    markup_bps: int,
    headroom: Headroom = UNBOUNDED,
) -> Quote:
    """Price `amount` smallest units of the side that `direction` names.

    Raises Unavailable where the snapshot has no price for one of the two coins. Bounds are checked
    on the side the amount is of, against the numbers published as that side's min and max.
    """
    source, destination = pair.source, pair.destination
    source_price = snapshot.price(source.coin)
    destination_price = snapshot.price(destination.coin)
    fee_bps, network_fee = destination.fee_bps, destination.network_fee
    rate = rate_of(
        source_price=source_price,
        destination_price=destination_price,
        margin_bps=fee_bps + markup_bps,
    )
    if direction is Direction.FROM:
        source_amount = amount
        destination_amount = destination_for(
            amount, rate=rate, network_fee=network_fee, source=source, destination=destination
        )
        worth = usd_value(amount, source_price, source)
    else:
        destination_amount = amount
        source_amount = source_for(
            amount, rate=rate, network_fee=network_fee, source=source, destination=destination
        )
        worth = usd_value(amount, destination_price, destination)
    return Quote(
        pair=pair,
        source_amount=source_amount,
        destination_amount=destination_amount,
        rate=rate,
        inverse=ratio_rounded_down(10**rate.decimals, rate.digits),
        network_fee=network_fee,
        fee_bps=fee_bps,
        markup_bps=markup_bps,
        source_price=source_price,
        destination_price=destination_price,
        refusals=_refusals(pair, worth, destination_amount, headroom),
    )


def _refusals(
    pair: Pair, worth: "UsdValue", destination_amount: int, headroom: Headroom
) -> tuple[Refusal, ...]:
    if worth.is_below(pair.bounds.min_usd) or destination_amount == 0:
        return (Refusal.LIMIT_MIN,)
    refusals = []
    today = headroom.usd_today
    if worth.is_above(pair.bounds.max_usd) or (today is not None and worth.is_above(today)):
        refusals.append(Refusal.LIMIT_MAX)
    reserve = headroom.reserves.get(pair.destination.code)
    if reserve is not None and destination_amount + pair.destination.network_fee > reserve:
        refusals.append(Refusal.RESERVE)
    return tuple(refusals)


class UsdValue(msgspec.Struct, frozen=True, gc=False):
    """An exact USD value: `product` over 10^(18 + precision)."""

    product: int
    precision: int

    def is_below(self, usd: int) -> bool:
        """Tell whether it is less than `usd` (10^-18 USD)."""
        return self.product < usd * power_of_ten(self.precision)

    def is_above(self, usd: int) -> bool:
        """Tell whether it is more than `usd` (10^-18 USD)."""
        return self.product > usd * power_of_ten(self.precision)

    def usd(self) -> int:
        """Return it in whole 10^-18 USD, rounded down."""
        return quantize_down(self.product, power_of_ten(self.precision))

    def cents(self) -> str:
        """Return it for display: two decimals, halves up."""
        scale = 10 ** (self.precision + USD_DECIMALS - CENT_DECIMALS)
        return format_units(quantize_half_up(self.product, scale), CENT_DECIMALS)

    def in_btc(self, btc_price: int) -> str:
        """Return it in BTC for display: eight decimals, halves up."""
        units = quantize_half_up(self.product * 10**BTC_DECIMALS, btc_price * 10**self.precision)
        return format_units(units, BTC_DECIMALS)


def usd_value(amount: int, price: int, asset: Asset) -> UsdValue:
    """Return what `amount` smallest units are worth at `price`."""
    return UsdValue(amount * price, asset.precision)


def smallest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the least amount worth at least `usd`: the published minimum."""
    return quantize_up(usd * 10**asset.precision, price)


def largest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the greatest amount worth at most `usd`: the published maximum."""
    return quantize_down(usd * 10**asset.precision, price)
