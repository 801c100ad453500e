"""A firm quote: the numbers that an order is opened with, as its quoteId states them."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from domain.assets import Catalogue, Pair
from domain.errors import InvalidRequest
from domain.market.conversion import Rate
from domain.market.limits import Headroom
from domain.market.pricing import Direction, PricedPair, Quote
from domain.market.rates import RateSnapshot
from domain.orders.states import RateType
from domain.reasons import Reason

VALID_SECONDS: Final = 60


class Audience(StrEnum):
    """For whom a quote was made, which is who may open its order."""

    ANYONE = "anyone"
    """Any partner: the call was unsigned."""
    PARTNER = "partner"
    """The partner that signed the call."""
    VISITOR = "visitor"
    """Visitors of the swap page who are attributed to the partner."""


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Who may open the order of a quote, and the reference code that it is attributed to."""

    audience: Audience
    partner_id: UUID | None
    """None for anyone."""
    code_id: UUID | None = None


ANYONE: Final = Holder(Audience.ANYONE, None)


class FirmQuote(msgspec.Struct, frozen=True, kw_only=True):
    """What a quoteId states. Amounts are in smallest units, prices in 10^-18 USD."""

    id: UUID
    valid_until: int
    """The last unix second in which it is valid."""
    holder: Holder
    rate_type: RateType
    source: str
    destination: str
    direction: Direction
    source_amount: int
    destination_amount: int
    rate: Rate
    network_fee: int
    fee_bps: int
    markup_bps: int
    source_price: int
    destination_price: int
    region: str | None

    def priced_again(self, catalogue: Catalogue, *, headroom: Headroom) -> Quote:
        """Return the quote with the problems that it has now, at the prices that it was made at.

        The operator's bounds, reserves, caps and switches are those of now; fees and prices are its
        own. Raises InvalidRequest for a pair or a rate type that is no longer offered.
        """
        if self.rate_type is RateType.FIXED and not catalogue.switches.fixed_rates:
            raise InvalidRequest(
                "fixed rates are off", field="type", reason=Reason.FIXED_RATES_DISABLED
            )
        pair = catalogue.pair(self.source, self.destination)
        destination = msgspec.structs.replace(
            pair.destination, fee_bps=self.fee_bps, network_fee=self.network_fee
        )
        prices = {
            pair.source.coin: self.source_price,
            pair.destination.coin: self.destination_price,
        }
        priced = PricedPair(
            Pair(pair.source, destination, pair.bounds),
            RateSnapshot(at=0, prices=prices),
            markup_bps=self.markup_bps,
        )
        is_sent = self.direction is Direction.FROM
        amount = self.source_amount if is_sent else self.destination_amount
        is_fixed = self.rate_type is RateType.FIXED
        return priced.quote(
            self.direction, amount, headroom=headroom.for_fixed_rate() if is_fixed else headroom
        )
