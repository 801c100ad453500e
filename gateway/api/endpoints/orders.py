"""/v1/create and /v1/order: open an order and follow it."""

import hashlib
from typing import Annotated

import msgspec

from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.ports import IdempotencyKey
from domain.actions.orders.show_order import show_order
from domain.errors import (
    AboveMaximum,
    BelowMinimum,
    IdempotencyConflict,
    InvalidAddress,
    InvalidRequest,
    Maintenance,
    NotFound,
    ReserveExceeded,
    Unavailable,
)
from domain.orders.wire import OpenedOrderOut, OrderOut, opened_order_out
from domain.partners.credentials import is_idempotency_key
from domain.partners.weights import Call
from domain.wire import OrderIdIn, TokenIn
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.price import PriceIn, markup_for
from gateway.codec import Decoder, success

AddressIn = Annotated[
    str,
    msgspec.Meta(
        description="An address on the asset's network.",
        extra_json_schema={"minLength": 10, "maxLength": 200},  # told, and checked by the action
    ),
]


class CreateOrderIn(PriceIn, frozen=True, kw_only=True):
    """What to open, and where the money goes."""

    destination_address: AddressIn = msgspec.field(name="toAddress")
    destination_tag: str | None = msgspec.field(name="tag", default=None)
    refund_address: AddressIn = msgspec.field(name="refundAddress")
    source_network: str | None = msgspec.field(name="fromNetwork", default=None)
    destination_network: str | None = msgspec.field(name="toNetwork", default=None)


class ShowOrderIn(msgspec.Struct, frozen=True):
    """Which order, and the token that shows the right to see it."""

    id: OrderIdIn
    token: TokenIn


_decode_create = Decoder(CreateOrderIn)
_decode_show = Decoder(ShowOrderIn)


async def create(services: Services, received: Request) -> bytes:
    """Open an order."""
    caller = received.signed_by
    idempotency = _idempotency(received)
    asked = _decode_create(received.body)
    opened = await open_order(
        services.opening,
        OrderRequest(
            partner_id=caller.access.partner_id,
            code_id=caller.code.id if caller.code else None,
            swap=asked.swap(),
            markup_bps=markup_for(caller, asked.markup_bps),
            destination_address=asked.destination_address,
            destination_tag=asked.destination_tag,
            refund_address=asked.refund_address,
            source_network=asked.source_network,
            destination_network=asked.destination_network,
        ),
        idempotency=idempotency,
    )
    return success(opened_order_out(opened.order, opened.token, now=services.clock.now()))


async def order(services: Services, received: Request) -> bytes:
    """Show an order as it is now."""
    asked = _decode_show(received.body)
    found = await show_order(
        services.opening.orders,
        partner_id=received.signed_by.access.partner_id,
        order_id=asked.id,
        token=asked.token,
    )
    return services.order_encoder.encode(found, now=services.clock.now())


def _idempotency(received: Request) -> IdempotencyKey | None:
    key = received.idempotency_key
    if key is None:
        return None
    if not is_idempotency_key(key):
        raise InvalidRequest("the Idempotency-Key is malformed")
    return IdempotencyKey(key=key, body_hash=hashlib.sha256(received.body).digest())


ENDPOINTS = (
    Endpoint(
        "/create",
        "POST",
        Call.CREATE,
        auth_required=True,
        handle=create,
        summary="Open an order",
        takes=CreateOrderIn,
        gives=OpenedOrderOut,
        refusals=(
            InvalidRequest,
            InvalidAddress,
            IdempotencyConflict,
            BelowMinimum,
            AboveMaximum,
            ReserveExceeded,
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
        handle=order,
        summary="Show an order as it is now",
        takes=ShowOrderIn,
        gives=OrderOut,
        refusals=(NotFound, Unavailable),
        example=examples.ORDER,
    ),
)
