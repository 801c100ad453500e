"""/v1/status/{id}: an order's status, for anyone who knows its id."""

import msgspec

from domain.actions.orders.show_status import show_status
from domain.errors import NotFound, Unavailable
from domain.orders.query import OrderStatus
from domain.orders.wire import OutcomeOut, StatusText, outcome_of
from domain.partners.scopes import FULL_OR_READ
from domain.partners.weights import Call
from domain.wire import Identity, Moment, wire_moment
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import success


class StatusOut(msgspec.Struct, frozen=True):
    """The public status of an order."""

    id: Identity
    status: StatusText
    outcome: OutcomeOut
    updated_at: Moment = msgspec.field(name="updatedAt")


async def status(services: Services, request: Request) -> bytes:
    """Show an order's status. Neither a signature nor a token is required."""
    order_id = request.parameter or ""
    shown = await show_status(services.order_ports.orders, order_id)
    return success(status_out(shown))


def status_out(shown: OrderStatus) -> StatusOut:
    """Return the status of an order on the wire."""
    return StatusOut(
        id=str(shown.id),
        status=shown.status.value,
        outcome=outcome_of(shown.state),
        updated_at=wire_moment(shown.updated_at),
    )


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
