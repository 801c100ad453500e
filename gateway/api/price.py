"""/v1/price: a quote at the live rates."""

from typing import Annotated, Any

import msgspec

from domain.actions.quote import SwapRequest, quote
from domain.assets import Asset
from domain.errors import InvalidRequest, Maintenance, Unavailable
from domain.money import format_units
from domain.orders import RateType
from domain.partners import MAX_MARKUP_BPS, applied_markup
from domain.pricing import Direction, Quote, Refusal, largest_worth, smallest_worth, usd_value
from domain.weights import Call
from domain.wire import Amount, AmountIn, AssetIn, Bps, Precision, Rate, Usd, one_of
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Received, Services
from gateway.auth import Caller
from gateway.codec import Decoder, decimal_digits, success

MarkupIn = Annotated[int, msgspec.Meta(ge=0, le=MAX_MARKUP_BPS)]

BTC = "BTC"


class PriceIn(msgspec.Struct, frozen=True, kw_only=True):
    """What to price."""

    rate_type: RateType = msgspec.field(name="type")
    source: AssetIn = msgspec.field(name="fromCcy")
    destination: AssetIn = msgspec.field(name="toCcy")
    direction: Direction
    amount: AmountIn
    markup_bps: MarkupIn | None = msgspec.field(name="afftax", default=None)

    def swap(self) -> SwapRequest:
        """Return the request in the domain's terms."""
        return SwapRequest(
            rate_type=self.rate_type,
            source=self.source,
            destination=self.destination,
            direction=self.direction,
            amount=decimal_digits(self.amount),
        )


class QuoteSideOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One side of a quote. Amounts in units of the asset; `usd` and `btc` at mid prices."""

    code: str
    coin: str
    network: str
    amount: Amount
    rate: Rate
    precision: Precision
    min: Amount
    max: Amount
    usd: Usd


class QuoteSourceOut(QuoteSideOut, frozen=True, kw_only=True, gc=False):
    """The source side also tells its worth in BTC; null where BTC has no price."""

    btc: Amount | None


class QuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """A quote. `to.amount` = `from.amount` x `from.rate` - `networkFee`, rounded down."""

    source: QuoteSourceOut = msgspec.field(name="from")
    destination: QuoteSideOut = msgspec.field(name="to")
    network_fee: Amount = msgspec.field(name="networkFee")
    errors: list[Annotated[str, one_of(Refusal)]]
    markup_bps: Bps = msgspec.field(name="markupBps")


_decode = Decoder(PriceIn)


async def price(services: Services, received: Received) -> bytes:
    """Quote a swap."""
    asked = _decode(received.body)
    markup_bps = markup_for(received.caller, asked.markup_bps)
    quoted = quote(services.market, asked.swap(), markup_bps=markup_bps)
    return success(quote_out(quoted, btc_price=services.market.snapshot().prices.get(BTC)))


def markup_for(caller: Caller | None, requested_bps: int | None) -> int:
    """Return the markup of a call: 0 for unsigned ones, which may not ask for any."""
    if caller is None:
        if requested_bps is not None:
            raise InvalidRequest("an unsigned call can't ask for a markup")
        return 0
    return applied_markup(requested_bps, caller.code, caller.access.markup_bps)


def quote_out(quoted: Quote, *, btc_price: int | None) -> QuoteOut:
    """Return a quote as it goes over the wire."""
    pair = quoted.pair
    return QuoteOut(
        source=_source_out(quoted, btc_price),
        destination=QuoteSideOut(
            **_side(pair.destination, quoted.destination_amount, quoted.destination_price, quoted),
            rate=str(quoted.inverse),
        ),
        network_fee=format_units(quoted.network_fee, pair.destination.precision),
        errors=[refusal.value for refusal in quoted.refusals],
        markup_bps=quoted.markup_bps,
    )


def _source_out(quoted: Quote, btc_price: int | None) -> QuoteSourceOut:
    source = quoted.pair.source
    worth = usd_value(quoted.source_amount, quoted.source_price, source)
    return QuoteSourceOut(
        **_side(source, quoted.source_amount, quoted.source_price, quoted),
        rate=str(quoted.rate),
        btc=worth.in_btc(btc_price) if btc_price else None,
    )


def _side(asset: Asset, amount: int, asset_price: int, quoted: Quote) -> dict[str, Any]:
    bounds, decimals = quoted.pair.bounds, asset.precision
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "amount": format_units(amount, decimals),
        "precision": decimals,
        "min": format_units(smallest_worth(bounds.min_usd, asset_price, asset), decimals),
        "max": format_units(largest_worth(bounds.max_usd, asset_price, asset), decimals),
        "usd": usd_value(amount, asset_price, asset).cents(),
    }


ENDPOINTS = (
    Endpoint(
        "/price",
        "POST",
        Call.PRICE,
        auth_required=False,
        handle=price,
        summary="Quote a swap at the live rates",
        takes=PriceIn,
        gives=QuoteOut,
        refusals=(InvalidRequest, Maintenance, Unavailable),
        example=examples.PRICE,
    ),
)
