"""The pricing engine of quotes, orders, feeds and the swap page, in exact integers."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import msgspec

from domain.assets import Asset, Catalogue, Pair
from domain.market.conversion import Conversion, rate_of, ratio_rounded_down
from domain.market.fees import Margin
from domain.market.limits import Headroom
from domain.market.rates import RateSnapshot
from domain.market.valuation import largest_worth, smallest_worth, usd_value

T = TypeVar("T")

UNBOUNDED = Headroom()

UNLIMITED = 10**60
"""More smallest units than an amount can have."""

MAX_PRICED = 20_000
"""Cached priced pairs per markup; a snapshot lasts a second, in which few are requested."""


class Direction(StrEnum):
    """The side of the swap that an amount is given for."""

    FROM = "from"
    TO = "to"


class QuoteProblem(StrEnum):
    """Why an order at a quote would be rejected."""

    LIMIT_MIN = "LIMIT_MIN"
    LIMIT_MAX = "LIMIT_MAX"
    RESERVE = "RESERVE"


class PricedPair:
    """A pair at one snapshot's prices and one markup: the values all its quotes share."""

    __slots__ = (
        "conversion",
        "destination_bounds",
        "destination_price",
        "inverse",
        "least_payout",
        "least_sent",
        "margin",
        "network_fee",
        "pair",
        "rate",
        "snapshot",
        "source_bounds",
        "source_price",
    )

    def __init__(
        self, pair: Pair, snapshot: RateSnapshot, *, markup_bps: int, premium_bps: int = 0
    ) -> None:
        """`premium_bps` is that of a fixed rate, and becomes part of the service fee.

        Raises Unavailable where the snapshot has no price for one of the two coins.
        """
        source, destination = pair.source, pair.destination
        self.pair = pair
        self.snapshot = snapshot
        self.source_price = snapshot.price(source.coin)
        self.destination_price = snapshot.price(destination.coin)
        self.margin = Margin(destination.fee_bps + premium_bps, markup_bps)
        self.network_fee = destination.network_fee
        self.rate = rate_of(
            source_price=self.source_price,
            destination_price=self.destination_price,
            margin=self.margin,
        )
        self.inverse = ratio_rounded_down(10**self.rate.decimals, self.rate.digits)
        self.conversion = Conversion(
            self.rate, network_fee=self.network_fee, source=source, destination=destination
        )
        self.source_bounds = _bounds_in_units(pair, self.source_price, source)
        self.destination_bounds = _bounds_in_units(pair, self.destination_price, destination)
        least_payment = destination.least_payment
        self.least_sent = max(self.source_bounds[0], self.conversion.needed_for(least_payment))
        self.least_payout = max(self.destination_bounds[0], least_payment)

    def quote(
        self, direction: Direction, amount: int, *, headroom: Headroom = UNBOUNDED
    ) -> "Quote":
        """Price `amount` smallest units of the side that `direction` names.

        Bounds are checked on that side, against the numbers published as its min and max, and the
        payout must not be less than its network delivers.
        """
        if direction is Direction.FROM:
            least, most = self.least_sent, self.source_bounds[1]
            source_amount, destination_amount = amount, self.conversion.paid_for(amount)
        else:
            least, most = self.least_payout, self.destination_bounds[1]
            source_amount, destination_amount = self.conversion.needed_for(amount), amount
        problems: tuple[QuoteProblem, ...] = ()
        if amount < least:
            problems = (QuoteProblem.LIMIT_MIN,)
        elif amount > most or not (
            headroom is UNBOUNDED or source_amount <= self._affordable(headroom)
        ):
            problems = (QuoteProblem.LIMIT_MAX,)
        if not (headroom is UNBOUNDED or self.is_covered(destination_amount, headroom)):
            problems += (QuoteProblem.RESERVE,)
        return Quote(self, source_amount, destination_amount, problems)

    def greatest_amounts(self, headroom: Headroom) -> tuple[int, int]:
        """Return the greatest amounts of source and destination that `quote` accepts."""
        affordable = self._affordable(headroom)
        return (
            min(self.source_bounds[1], affordable),
            min(self.destination_bounds[1], self.conversion.paid_for(affordable)),
        )

    def _affordable(self, headroom: Headroom) -> int:
        """Return the greatest source amount that the caps on value leave room for."""
        if headroom.usd_today is None:
            return UNLIMITED
        usd = max(headroom.usd_today, 0)
        return largest_worth(usd, self.source_price, self.pair.source)

    def is_covered(self, destination_amount: int, headroom: Headroom) -> bool:
        """Return whether the reserve of the destination covers a payout and its network fee."""
        reserve = headroom.reserves.get(self.pair.destination.code)
        return reserve is None or destination_amount + self.network_fee <= reserve


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A priced swap. Amounts are in smallest units of their asset."""

    priced: PricedPair
    source_amount: int
    destination_amount: int
    problems: tuple[QuoteProblem, ...]

    @property
    def worth_usd(self) -> int:
        """Return the value of the source amount in 10^-18 USD, rounded down."""
        priced = self.priced
        return usd_value(self.source_amount, priced.source_price, priced.pair.source).usd()


class PriceTable:
    """The pairs of a catalogue at one snapshot's prices, each priced when first requested."""

    def __init__(self, catalogue: Catalogue, snapshot: RateSnapshot) -> None:
        self.catalogue = catalogue
        self.snapshot = snapshot
        self._priced: dict[tuple[str, str, int, int], PricedPair] = {}

    def pair(
        self, source: str, destination: str, *, markup_bps: int, premium_bps: int = 0
    ) -> PricedPair:
        """Return a priced pair; raise InvalidRequest if unknown, Unavailable without a price."""
        key = (source, destination, markup_bps, premium_bps)
        priced = self._priced.get(key)
        if priced is None:
            pair = self.catalogue.pair(source, destination)
            priced = PricedPair(pair, self.snapshot, markup_bps=markup_bps, premium_bps=premium_bps)
            if len(self._priced) >= MAX_PRICED:
                self._priced.clear()
            self._priced[key] = priced
        return priced


class OfPricedPairs(dict[PricedPair, T]):
    """What is computed once for each priced pair; it forgets those of the snapshot before."""

    def __init__(self, compute: Callable[[PricedPair], T]) -> None:
        super().__init__()
        self._compute = compute
        self._snapshot: RateSnapshot | None = None

    def __missing__(self, priced: PricedPair) -> T:
        """Compute the value of a pair."""
        if priced.snapshot is not self._snapshot or len(self) >= MAX_PRICED:
            self._snapshot = priced.snapshot
            self.clear()
        value = self[priced] = self._compute(priced)
        return value


def _bounds_in_units(pair: Pair, price: int, asset: Asset) -> tuple[int, int]:
    """Return the least and the greatest amount of an asset that the pair's bounds allow."""
    least = smallest_worth(pair.bounds.min_usd, price, asset)
    return least, largest_worth(pair.bounds.max_usd, price, asset)
