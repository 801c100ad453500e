"""/v1/emergency: resolve an order that is on hold."""

import msgspec

from domain.actions.orders.resolve_emergency import choose_resolution
from domain.errors import EmergencyInvalidChoice, InvalidRequest, NotFound, Unavailable
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.orders import WhichOrderIn
from gateway.codec import Decoder, success


class ResolveEmergencyIn(WhichOrderIn, frozen=True):
    """The order, and the choice: `EXCHANGE`, or `REFUND` where refunds are offered.

    `refundTag` adds the tag of the refund address to an order that has none. The address itself
    cannot be changed: another `refundAddress` than the order's returns code 1.
    """

    choice: str
    refund_tag: str | None = msgspec.field(name="refundTag", default=None)
    refund_address: str | None = msgspec.field(name="refundAddress", default=None)


_decode = Decoder(ResolveEmergencyIn)


async def emergency(services: Services, request: Request) -> bytes:
    """Choose how an order in EMERGENCY continues. Repeating the same choice is allowed."""
    body = _decode(request.body)
    await choose_resolution(
        services.order_ports,
        partner_id=request.partner_id,
        order_id=body.id,
        token=body.token,
        choice=body.choice,
        refund_tag=body.refund_tag,
        refund_address=body.refund_address,
    )
    return success(True)


ENDPOINTS = (
    Endpoint(
        "/emergency",
        "POST",
        Call.EMERGENCY,
        auth_required=True,
        scopes=FULL_OR_TRADE,
        handle=emergency,
        summary="Resolve an order that is on hold",
        request_type=ResolveEmergencyIn,
        response_type=bool,
        errors=(InvalidRequest, NotFound, EmergencyInvalidChoice, Unavailable),
        example=examples.EMERGENCY,
    ),
)
