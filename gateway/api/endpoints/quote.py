"""/v1/quote: a firm quote, with the id that opens an order with exactly its numbers."""

from typing import Annotated, Final

import msgspec

from domain.actions.orders.quotes.quote_firmly import quote_firmly
from domain.errors import InvalidRequest
from domain.market.regions import checked_region
from domain.orders.quotes.firm_quote import ANYONE, Audience, Holder
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.authentication import Caller
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.price import PriceIn, markup_for
from gateway.api.quotes.firm_quote_encoding import FirmQuoteOut
from gateway.codec import Decoder

RegionIn = Annotated[
    str,
    msgspec.Meta(
        description="The user's country or territory, ISO 3166-1 alpha-2.",
        examples=["DE"],
        extra_json_schema={"pattern": "^[A-Z]{2}$"},  # documented; the endpoint checks it
    ),
]


class QuoteIn(PriceIn, frozen=True, kw_only=True):
    """The swap to quote, and the region of its user."""

    region: RegionIn | None = None


_decode = Decoder(QuoteIn)
_PARTNER: Final = Audience.PARTNER


def quote(services: Services, request: Request) -> bytes:
    """Quote a swap firmly: its quoteId opens an order with exactly these numbers for 60 s.

    A well-formed request returns code 0 even if no order can be opened: `problems` lists all
    reasons together, and `quoteId` is null. Without a signature any partner may use the quoteId,
    otherwise only the partner that signed the call.
    """
    body = _decode(request.body)
    markup_bps = markup_for(request.caller, body.markup_bps)
    swap = quote_firmly(
        services.order_ports,
        body.swap(),
        markup_bps=markup_bps,
        holder=ANYONE if request.caller is None else _holder(request.caller),
        region=None if body.region is None else checked_region(body.region),
    )
    return services.firm_quote_encoder.encode(swap, markup_bps=markup_bps)


def _holder(caller: Caller) -> Holder:
    code = caller.code
    return Holder(_PARTNER, caller.partner.id, code.id if code is not None else None)


ENDPOINTS = (
    Endpoint(
        "/quote",
        "POST",
        Call.QUOTE,
        auth_required=False,
        scopes=FULL_OR_TRADE,
        handle=quote,
        summary="Quote a swap firmly",
        request_type=QuoteIn,
        response_type=FirmQuoteOut,
        errors=(InvalidRequest,),
        example=examples.QUOTE,
        any_origin=True,
    ),
)
