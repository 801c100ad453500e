"""The one pricing engine: for quotes, orders, feeds and the swap page. All in exact integers."""

from enum import StrEnum
from typing import Any

import msgspec

from domain.assets import Asset, Catalogue, Pair
from domain.market.limits import Headroom
from domain.market.rates import RateSnapshot
from domain.money import (
    CENT_DECIMALS,
    USD_DECIMALS,
    format_units,
    power_of_ten,
    quantize_down,
    quantize_half_up,
    quantize_up,
)

BPS = 10_000
MIN_RATE_DECIMALS = 8
MIN_RATE_DIGITS = 10
BTC_DECIMALS = 8

UNBOUNDED = Headroom()

MAX_PREPARED = 20_000
"""Pairs at a markup that are kept ready; a snapshot lasts a second, in which few are asked for."""


class Direction(StrEnum):
    """Which side of the swap an amount is of."""

    FROM = "from"
    TO = "to"


class QuoteProblem(StrEnum):
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


def rate_of(*, source_price: int, destination_price: int, margin_bps: int) -> Rate:
    """Return destination units per source unit after the margin (fee plus markup)."""
    return ratio_rounded_down(source_price * (BPS - margin_bps), destination_price * BPS)


class Conversion:
    """What amounts of one asset are in another at a rate, less a network fee, in smallest units."""

    __slots__ = ("_divisor", "_multiplier", "_network_fee")

    def __init__(self, rate: Rate, *, network_fee: int, source: Asset, destination: Asset) -> None:
        self._multiplier = rate.digits * power_of_ten(destination.precision)
        self._divisor = power_of_ten(source.precision + rate.decimals)
        self._network_fee = network_fee

    def paid_for(self, source_amount: int) -> int:
        """Return what is paid out for `source_amount`, rounded down; zero where the fee eats it."""
        paid = source_amount * self._multiplier // self._divisor - self._network_fee
        return max(0, paid)

    def needed_for(self, destination_amount: int) -> int:
        """Return what must be deposited for `destination_amount` to be paid out, rounded up."""
        return quantize_up(
            (destination_amount + self._network_fee) * self._divisor, self._multiplier
        )


class PricedPair:
    """A pair at one snapshot's prices and one markup: what all its quotes share, computed once."""

    __slots__ = (
        "answer_frame",
        "conversion",
        "destination_bounds",
        "destination_price",
        "fee_bps",
        "inverse",
        "markup_bps",
        "network_fee",
        "pair",
        "rate",
        "snapshot",
        "source_bounds",
        "source_price",
    )

    def __init__(self, pair: Pair, snapshot: RateSnapshot, *, markup_bps: int) -> None:
        """Raise Unavailable where the snapshot has no price for one of the two coins."""
        source, destination = pair.source, pair.destination
        self.pair = pair
        self.snapshot = snapshot
        self.source_price = snapshot.price(source.coin)
        self.destination_price = snapshot.price(destination.coin)
        self.fee_bps = destination.fee_bps
        self.markup_bps = markup_bps
        self.network_fee = destination.network_fee
        self.rate = rate_of(
            source_price=self.source_price,
            destination_price=self.destination_price,
            margin_bps=self.fee_bps + markup_bps,
        )
        self.inverse = ratio_rounded_down(10**self.rate.decimals, self.rate.digits)
        self.conversion = Conversion(
            self.rate, network_fee=self.network_fee, source=source, destination=destination
        )
        self.source_bounds = _bounds_in_units(pair, self.source_price, source)
        self.destination_bounds = _bounds_in_units(pair, self.destination_price, destination)
        self.answer_frame: Any = None
        """What whoever answers with quotes of the pair has made ready for that."""

    def quote(
        self, direction: Direction, amount: int, *, headroom: Headroom = UNBOUNDED
    ) -> "Quote":
        """Price `amount` smallest units of the side that `direction` names.

        Bounds are checked on that side, against the numbers published as its min and max.
        """
        if direction is Direction.FROM:
            within = self.source_bounds
            source_amount, destination_amount = amount, self.conversion.paid_for(amount)
        else:
            within = self.destination_bounds
            source_amount, destination_amount = self.conversion.needed_for(amount), amount
        refusals: tuple[QuoteProblem, ...] = ()
        if amount < within[0] or destination_amount == 0:
            refusals = (QuoteProblem.LIMIT_MIN,)
        elif amount > within[1] or not (
            headroom is UNBOUNDED or self._is_affordable(source_amount, headroom)
        ):
            refusals = (QuoteProblem.LIMIT_MAX,)
        if not (headroom is UNBOUNDED or self._is_covered(destination_amount, headroom)):
            refusals += (QuoteProblem.RESERVE,)
        return Quote(self, source_amount, destination_amount, refusals)

    def _is_affordable(self, source_amount: int, headroom: Headroom) -> bool:
        if headroom.usd_today is None:
            return True
        worth = usd_value(source_amount, self.source_price, self.pair.source)
        return not worth.is_above(headroom.usd_today)

    def _is_covered(self, destination_amount: int, headroom: Headroom) -> bool:
        reserve = headroom.reserves.get(self.pair.destination.code)
        return reserve is None or destination_amount + self.network_fee <= reserve


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A priced swap. Amounts are in smallest units of their asset."""

    priced: PricedPair
    source_amount: int
    destination_amount: int
    refusals: tuple[QuoteProblem, ...]

    @property
    def worth_usd(self) -> int:
        """Return what the source amount is worth, in 10^-18 USD, rounded down."""
        priced = self.priced
        return usd_value(self.source_amount, priced.source_price, priced.pair.source).usd()


class PriceTable:
    """The pairs of a catalogue at one snapshot's prices, each prepared when first asked for."""

    def __init__(self, catalogue: Catalogue, snapshot: RateSnapshot) -> None:
        self.catalogue = catalogue
        self.snapshot = snapshot
        self._prepared: dict[tuple[str, str, int], PricedPair] = {}

    def pair(self, source: str, destination: str, *, markup_bps: int) -> PricedPair:
        """Return a pair that is priced; raise InvalidRequest for none, Unavailable for no price."""
        key = (source, destination, markup_bps)
        prepared = self._prepared.get(key)
        if prepared is None:
            pair = self.catalogue.pair(source, destination)
            prepared = PricedPair(pair, self.snapshot, markup_bps=markup_bps)
            if len(self._prepared) >= MAX_PREPARED:
                self._prepared.clear()
            self._prepared[key] = prepared
        return prepared


def _bounds_in_units(pair: Pair, price: int, asset: Asset) -> tuple[int, int]:
    """Return the least and the greatest amount of an asset that the pair's bounds allow."""
    least = smallest_worth(pair.bounds.min_usd, price, asset)
    return least, largest_worth(pair.bounds.max_usd, price, asset)


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
        scale = power_of_ten(self.precision + USD_DECIMALS - CENT_DECIMALS)
        return format_units(quantize_half_up(self.product, scale), CENT_DECIMALS)

    def in_btc(self, btc_price: int) -> str:
        """Return it in BTC for display: eight decimals, halves up."""
        scale = btc_price * power_of_ten(self.precision)
        return format_units(
            quantize_half_up(self.product * power_of_ten(BTC_DECIMALS), scale), BTC_DECIMALS
        )


def usd_value(amount: int, price: int, asset: Asset) -> UsdValue:
    """Return what `amount` smallest units are worth at `price`."""
    return UsdValue(amount * price, asset.precision)


def smallest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the least amount worth at least `usd`: the published minimum."""
    return quantize_up(usd * 10**asset.precision, price)


def largest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the greatest amount worth at most `usd`: the published maximum."""
    return quantize_down(usd * 10**asset.precision, price)
