"""/v1/status/{id}: an order's status, for anyone who knows its id."""

import msgspec

from domain.actions.orders.show_status import show_status
from domain.errors import NotFound, Unavailable
from domain.orders.wire import StatusText
from domain.partners.scopes import FULL_OR_READ
from domain.partners.weights import Call
from domain.wire import Identity
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import success


class StatusOut(msgspec.Struct, frozen=True):
    """The public status of an order."""

    id: Identity
    status: StatusText


async def status(services: Services, request: Request) -> bytes:
    """Show an order's status. Neither a signature nor a token is required."""
    order_id = request.parameter or ""
    shown = await show_status(services.order_ports.orders, order_id)
    return success(StatusOut(order_id.lower(), shown.value))


ENDPOINTS = (
    Endpoint(
        "/status/{id}",
        "GET",
        Call.STATUS,
        auth_required=False,
        scopes=FULL_OR_READ,
        handle=status,
        summary="Show an order's status",
        request_type=None,
        response_type=StatusOut,
        errors=(NotFound, Unavailable),
        example=examples.STATUS,
        any_origin=True,
    ),
)
