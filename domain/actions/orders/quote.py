"""Quote a swap: validate the request against the catalogue and price it at the live rates."""

import msgspec

from domain.asset_reference import AssetSelector
from domain.errors import InvalidRequest, Maintenance
from domain.market.ports import Market
from domain.market.pricing import Direction, Quote
from domain.money import parse_units
from domain.orders.states import RateType
from domain.reasons import Reason


class SwapRequest(msgspec.Struct, frozen=True):
    """A swap to price. `amount` is the literal decimal of the request."""

    rate_type: RateType
    source: AssetSelector
    destination: AssetSelector
    direction: Direction
    amount: str


class QuotedSwap(msgspec.Struct, frozen=True, kw_only=True):
    """The swap of a quoteId. What else is given must be that of the quote; None for any."""

    quote_id: str
    rate_type: RateType | None = None
    source: AssetSelector | None = None
    destination: AssetSelector | None = None
    direction: Direction | None = None
    amount: str | None = None
    """The literal decimal of the side that `direction` names."""


def quote(market: Market, request: SwapRequest, *, markup_bps: int) -> Quote:
    """Return a quote at the current rates.

    Raises InvalidRequest for an unknown or disabled pair, an invalid amount and a fixed rate where
    they are disabled; Maintenance; Unavailable without fresh rates.
    """
    catalogue = market.catalogue
    if catalogue.switches.maintenance:
        raise Maintenance
    if request.rate_type is RateType.FIXED and not catalogue.switches.fixed_rates:
        raise InvalidRequest(
            "fixed rates are off", field="type", reason=Reason.FIXED_RATES_DISABLED
        )
    direction = request.direction
    pair = catalogue.pair(request.source, request.destination)
    side = pair.source if direction is Direction.FROM else pair.destination
    try:
        amount = parse_units(request.amount, side.precision)
    except InvalidRequest as error:
        error.name_field("amount")
        raise
    is_fixed = request.rate_type is RateType.FIXED
    priced = market.prices().pair(
        pair.source.code,
        pair.destination.code,
        markup_bps=markup_bps,
        premium_bps=catalogue.fixed_rate_terms.premium_bps if is_fixed else 0,
    )
    headroom = market.headroom.for_fixed_rate() if is_fixed else market.headroom
    return priced.quote(direction, amount, headroom=headroom)
