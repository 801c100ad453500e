"""/v1/orders and /v1/orders/status: the caller's orders, in pages or by their ids."""

from typing import Annotated

import msgspec

from domain.actions.orders.lists.list_orders import (
    MAX_LISTED,
    MAX_STATUSES,
    ListRequest,
    list_orders,
    list_statuses,
)
from domain.errors import InvalidRequest, Unavailable
from domain.orders.query import OrderFilter
from domain.orders.states import Outcome, Status
from domain.orders.wire import OrderOut, OutcomeOut, StatusText, order_out
from domain.orders.wire_times import TimeIn, parse_time
from domain.partners.scopes import FULL_OR_READ
from domain.partners.weights import Call
from domain.reasons import Reason
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.status import StatusOut, status_out
from gateway.codec import Decoder, success

CursorIn = Annotated[
    str, msgspec.Meta(description="The `cursor` of the previous page of the same list.")
]


class ListOrdersIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which orders to list; without fields all of them, newest first.

    A time that begins a range is part of it, and one that ends a range is not. With `updatedFrom`
    or `updatedTo` the list is in the order of the last change, oldest first.
    """

    created_from: TimeIn | None = None
    created_to: TimeIn | None = None
    updated_from: TimeIn | None = None
    updated_to: TimeIn | None = None
    status: StatusText | None = None
    outcome: OutcomeOut = None
    code: str | None = None
    external_id: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LISTED)] = MAX_LISTED
    cursor: CursorIn | None = None


class OrdersOut(msgspec.Struct, frozen=True):
    """A page of orders. `cursor` is that of the next page, and null on the last one."""

    orders: list[OrderOut]
    cursor: str | None


class OrderStatusesIn(msgspec.Struct, frozen=True):
    """The ids of orders, at most 64."""

    ids: Annotated[list[str], msgspec.Meta(extra_json_schema={"maxItems": MAX_STATUSES})]


_decode_list = Decoder(ListOrdersIn)
_decode_statuses = Decoder(OrderStatusesIn)


def parse_status(text: str) -> Status:
    """Return the status of this name; raise InvalidRequest."""
    try:
        return Status(text)
    except ValueError:
        raise InvalidRequest(
            "there is no such status", field="status", reason=Reason.VALUE
        ) from None


def parse_outcome(text: str) -> Outcome:
    """Return the outcome of this name; raise InvalidRequest."""
    try:
        return Outcome(text)
    except ValueError:
        raise InvalidRequest(
            "there is no such outcome", field="outcome", reason=Reason.VALUE
        ) from None


async def orders(services: Services, request: Request) -> bytes:
    """List the caller's orders, without those that their users have deleted.

    Follow `cursor` with the same filter until it is null: before the last page, a page may have
    fewer orders than `limit`, or none.
    """
    body = _decode_list(request.body)
    listed = await list_orders(
        services.list_ports,
        request.partner_id,
        ListRequest(
            filters=OrderFilter(
                status=None if body.status is None else parse_status(body.status),
                outcome=None if body.outcome is None else parse_outcome(body.outcome),
                since=parse_time(body.created_from, field="createdFrom"),
                until=parse_time(body.created_to, field="createdTo"),
                changed_since=parse_time(body.updated_from, field="updatedFrom"),
                changed_until=parse_time(body.updated_to, field="updatedTo"),
                external_id=body.external_id,
            ),
            code=body.code,
            limit=body.limit,
            cursor=body.cursor,
        ),
    )
    now, public_url = services.clock.now(), services.order_encoder.public_url
    return success(
        OrdersOut(
            [order_out(one, now=now, public_url=public_url) for one in listed.orders],
            listed.cursor,
        )
    )


async def statuses(services: Services, request: Request) -> bytes:
    """Show the statuses of several orders. Ids that are not of the caller's orders are omitted."""
    body = _decode_statuses(request.body)
    found = await list_statuses(services.list_ports, request.partner_id, body.ids)
    return success([status_out(one) for one in found])


ENDPOINTS = (
    Endpoint(
        "/orders",
        "POST",
        Call.ORDERS,
        auth_required=True,
        scopes=FULL_OR_READ,
        handle=orders,
        summary="List orders",
        request_type=ListOrdersIn,
        response_type=OrdersOut,
        errors=(InvalidRequest, Unavailable),
        example=examples.ORDERS,
    ),
    Endpoint(
        "/orders/status",
        "POST",
        Call.ORDERS_STATUS,
        auth_required=True,
        scopes=FULL_OR_READ,
        handle=statuses,
        summary="Show the statuses of orders",
        request_type=OrderStatusesIn,
        response_type=list[StatusOut],
        errors=(InvalidRequest, Unavailable),
        example=examples.ORDER_STATUSES,
    ),
)
