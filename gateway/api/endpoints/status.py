"""/v1/status/{id}: an order's status, for anybody who knows its id."""

from typing import Annotated

import msgspec

from domain.actions.orders.show_status import show_status
from domain.errors import NotFound, Unavailable
from domain.orders.states import Status
from domain.partners.weights import Call
from domain.wire import Identity, one_of
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import success


class StatusOut(msgspec.Struct, frozen=True):
    """An order's status, and nothing else of it."""

    id: Identity
    status: Annotated[str, one_of(Status)]


async def status(services: Services, received: Request) -> bytes:
    """Tell an order's status. No signature and no token are needed, and nothing else is told."""
    order_id = received.parameter or ""
    found = await show_status(services.opening.orders, order_id)
    return success(StatusOut(order_id.lower(), found.value))


ENDPOINTS = (
    Endpoint(
        "/status/{id}",
        "GET",
        Call.STATUS,
        auth_required=False,
        handle=status,
        summary="Tell an order's status to anybody",
        takes=None,
        gives=StatusOut,
        refusals=(NotFound, Unavailable),
        example=examples.STATUS,
    ),
)
