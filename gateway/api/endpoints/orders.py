"""/v1/create and /v1/order: open an order, and show it."""

import hashlib
from typing import Annotated, Any

import msgspec

from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.ports import IdempotencyKey
from domain.actions.orders.quote import QuotedSwap
from domain.actions.orders.show_order import show_order
from domain.asset_reference import DESTINATION, SOURCE
from domain.errors import (
    AboveMaximum,
    BelowMinimum,
    IdempotencyConflict,
    InvalidAddress,
    InvalidRequest,
    Maintenance,
    NotFound,
    QuoteInvalid,
    QuoteMismatch,
    ReserveExceeded,
    Unavailable,
)
from domain.orders.references import (
    MAX_EXTERNAL_ID,
    MAX_METADATA_BYTES,
    MAX_METADATA_PAIRS,
    checked_references,
)
from domain.orders.states import RateType
from domain.orders.wire import OpenedOrderOut, OrderOut, opened_order_out
from domain.partners.credentials import is_idempotency_key
from domain.partners.scopes import EVERY_SCOPE, FULL_OR_TRADE
from domain.partners.weights import Call
from domain.reasons import Reason
from domain.wire import OrderIdIn, TokenIn
from gateway.api import examples
from gateway.api.asset_selection import SwapSidesIn, selected_asset
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.price import PriceIn, markup_for
from gateway.codec import Decoder, success

AddressIn = Annotated[
    str,
    msgspec.Meta(
        description="An address on the asset's network.",
        extra_json_schema={"minLength": 10, "maxLength": 200},  # documented; the action checks it
    ),
]
QuoteIdIn = Annotated[str, msgspec.Meta(description="The `quoteId` of a response of `/quote`.")]


ExternalIdIn = Annotated[
    str,
    msgspec.Meta(
        description="Your own reference: printable ASCII, not necessarily unique.",
        extra_json_schema={"minLength": 1, "maxLength": MAX_EXTERNAL_ID},
    ),
]
MetadataIn = Annotated[
    dict[str, str],
    msgspec.Meta(
        description=f"Any pairs of text, with at most {MAX_METADATA_BYTES} bytes in total.",
        extra_json_schema={"maxProperties": MAX_METADATA_PAIRS},
    ),
]


class CreateOrderIn(PriceIn, frozen=True, kw_only=True):
    """The swap to open, and the addresses of its payout and of a refund.

    A quoteId is absent or null.
    """

    destination_address: AddressIn = msgspec.field(name="toAddress")
    destination_tag: str | None = msgspec.field(name="tag", default=None)
    refund_address: AddressIn = msgspec.field(name="refundAddress")
    refund_tag: str | None = msgspec.field(name="refundTag", default=None)
    external_id: ExternalIdIn | None = msgspec.field(name="externalId", default=None)
    metadata: MetadataIn | None = None
    source_network: str | None = msgspec.field(name="fromNetwork", default=None)
    destination_network: str | None = msgspec.field(name="toNetwork", default=None)


class CreateQuotedOrderIn(SwapSidesIn, frozen=True, kw_only=True):
    """The quote to open, and the addresses of its payout and of a refund.

    The quote determines the amounts and the markup: `direction`, `amount` and `afftax` are absent
    or null. A type or an asset must be the quote's.
    """

    quote_id: QuoteIdIn = msgspec.field(name="quoteId")
    destination_address: AddressIn = msgspec.field(name="toAddress")
    destination_tag: str | None = msgspec.field(name="tag", default=None)
    refund_address: AddressIn = msgspec.field(name="refundAddress")
    refund_tag: str | None = msgspec.field(name="refundTag", default=None)
    external_id: ExternalIdIn | None = msgspec.field(name="externalId", default=None)
    metadata: MetadataIn | None = None
    source_network: str | None = msgspec.field(name="fromNetwork", default=None)
    destination_network: str | None = msgspec.field(name="toNetwork", default=None)
    rate_type: RateType | None = msgspec.field(name="type", default=None)
    direction: None = None
    amount: None = None
    markup_bps: None = msgspec.field(name="afftax", default=None)

    def swap(self) -> QuotedSwap:
        """Return the request in the domain's terms."""
        source = self.source_code is not None or self.source_reference is not None
        destination = self.destination_code is not None or self.destination_reference is not None
        return QuotedSwap(
            quote_id=self.quote_id,
            rate_type=self.rate_type,
            source=(
                selected_asset(self.source_code, self.source_reference, SOURCE) if source else None
            ),
            destination=(
                selected_asset(self.destination_code, self.destination_reference, DESTINATION)
                if destination
                else None
            ),
        )


class _QuoteIdOnly(msgspec.Struct, frozen=True):
    quote_id: Any = msgspec.field(name="quoteId", default=None)


class WhichOrderIn(msgspec.Struct, frozen=True):
    """The order, and the token that was returned when it was opened."""

    id: OrderIdIn
    token: TokenIn


class ShowOrderIn(msgspec.Struct, frozen=True):
    """The order. A token is not required; one that is sent has to be the order's."""

    id: OrderIdIn
    token: TokenIn | msgspec.UnsetType = msgspec.UNSET


_decode_create = Decoder(CreateOrderIn)
_decode_create_quoted = Decoder(CreateQuotedOrderIn)
_decode_quote_id = Decoder(_QuoteIdOnly)
_decode_show = Decoder(ShowOrderIn)


async def create(services: Services, request: Request) -> bytes:
    """Open an order: of a swap that is priced now, or with exactly the numbers of a quote.

    A quoteId opens one order, by the partner that it was issued to.
    """
    caller = request.signed_caller
    idempotency = _idempotency(request)
    has_quote = _has_quote(request.body)
    body = _decode_create_quoted(request.body) if has_quote else _decode_create(request.body)
    opened = await open_order(
        services.order_ports,
        OrderRequest(
            partner_id=caller.partner.id,
            code_id=caller.code.id if caller.code else None,
            swap=body.swap(),
            markup_bps=markup_for(caller, body.markup_bps),
            destination_address=body.destination_address,
            destination_tag=body.destination_tag,
            refund_address=body.refund_address,
            refund_tag=body.refund_tag,
            references=checked_references(
                body.external_id, body.metadata, code=caller.code.code if caller.code else None
            ),
            source_network=body.source_network,
            destination_network=body.destination_network,
            codes={one.id: one.code for one in caller.partner.codes.values()} if has_quote else {},
        ),
        idempotency=idempotency,
    )
    return success(
        opened_order_out(
            opened.order,
            opened.token,
            now=services.clock.now(),
            public_url=services.order_encoder.public_url,
        )
    )


async def order(services: Services, request: Request) -> bytes:
    """Show the current state of an order."""
    body = _decode_show(request.body)
    shown = await show_order(
        services.order_ports.orders,
        partner_id=request.partner_id,
        order_id=body.id,
        token=None if body.token is msgspec.UNSET else body.token,
    )
    return services.order_encoder.encode(shown, now=services.clock.now())


def _has_quote(body: bytes) -> bool:
    """Return whether a body has a quoteId. Its name may be written with escapes."""
    if b"quoteId" not in body and b"\\" not in body:
        return False
    return _decode_quote_id(body).quote_id is not None


def _idempotency(request: Request) -> IdempotencyKey | None:
    key = request.idempotency_key
    if key is None:
        return None
    if not is_idempotency_key(key):
        raise InvalidRequest(
            "malformed Idempotency-Key", field="Idempotency-Key", reason=Reason.FORMAT
        )
    return IdempotencyKey(key=key, body_hash=hashlib.sha256(request.body).digest())


ENDPOINTS = (
    Endpoint(
        "/create",
        "POST",
        Call.CREATE,
        auth_required=True,
        scopes=FULL_OR_TRADE,
        handle=create,
        summary="Open an order",
        request_type=CreateOrderIn,
        other_request_types=(CreateQuotedOrderIn,),
        response_type=OpenedOrderOut,
        errors=(
            InvalidRequest,
            InvalidAddress,
            IdempotencyConflict,
            BelowMinimum,
            AboveMaximum,
            ReserveExceeded,
            QuoteMismatch,
            QuoteInvalid,
            Maintenance,
            Unavailable,
        ),
        example=examples.CREATE,
    ),
    Endpoint(
        "/order",
        "POST",
        Call.ORDER,
        auth_required=True,
        scopes=EVERY_SCOPE,
        handle=order,
        summary="Show an order",
        request_type=ShowOrderIn,
        response_type=OrderOut,
        errors=(NotFound, Unavailable),
        example=examples.ORDER,
    ),
)
