"""/v1/price: a quote at the current rates."""

from typing import Annotated

import msgspec

from domain.actions.orders.quote import SwapRequest, quote
from domain.errors import InvalidRequest, Maintenance, Unavailable
from domain.market.pricing import Direction
from domain.orders.states import RateType
from domain.partners.partner import MAX_MARKUP_BPS, applied_markup
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from domain.reasons import Reason
from domain.wire import AmountIn
from gateway.api import examples
from gateway.api.asset_selection import SwapSidesIn
from gateway.api.authentication import Caller
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.quotes.quote_encoding import QuoteOut
from gateway.codec import Decoder, decimal_digits

MarkupIn = Annotated[int, msgspec.Meta(ge=0, le=MAX_MARKUP_BPS)]


class PriceIn(SwapSidesIn, frozen=True, kw_only=True):
    """The swap to price."""

    rate_type: RateType = msgspec.field(name="type")
    direction: Direction
    amount: AmountIn
    markup_bps: MarkupIn | None = msgspec.field(name="afftax", default=None)

    def swap(self) -> SwapRequest:
        """Return the request in the domain's terms; raise InvalidRequest unless it names assets."""
        source, destination = self.sides()
        return SwapRequest(
            rate_type=self.rate_type,
            source=source,
            destination=destination,
            direction=self.direction,
            amount=decimal_digits(self.amount),
        )


_decode = Decoder(PriceIn)


def price(services: Services, request: Request) -> bytes:
    """Quote a swap at the current rates."""
    body = _decode(request.body)
    markup_bps = markup_for(request.caller, body.markup_bps)
    quoted = quote(services.market, body.swap(), markup_bps=markup_bps)
    return services.quote_encoder.encode(quoted)


def markup_for(caller: Caller | None, requested_bps: int | None) -> int:
    """Return the markup of a call; 0 for an unsigned call, which must not request one."""
    if caller is None:
        if requested_bps is not None:
            raise InvalidRequest(
                "an unsigned call must not request a markup",
                field="afftax",
                reason=Reason.NOT_ALLOWED,
            )
        return 0
    return applied_markup(requested_bps, caller.code, caller.partner.markup_bps)


ENDPOINTS = (
    Endpoint(
        "/price",
        "POST",
        Call.PRICE,
        auth_required=False,
        scopes=FULL_OR_TRADE,
        handle=price,
        summary="Quote a swap",
        request_type=PriceIn,
        response_type=QuoteOut,
        errors=(InvalidRequest, Maintenance, Unavailable),
        example=examples.PRICE,
        any_origin=True,
    ),
)
