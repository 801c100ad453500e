"""/v1/emergency: choose what is done with an order that is held."""

from domain.actions.orders.resolve_emergency import choose_resolution
from domain.errors import EmergencyInvalidChoice, InvalidRequest, NotFound, Unavailable
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.orders import ShowOrderIn
from gateway.codec import Decoder, success


class ResolveEmergencyIn(ShowOrderIn, frozen=True):
    """Which order, and what to do with it: `EXCHANGE`, or `REFUND` where refunds are offered."""

    choice: str


_decode = Decoder(ResolveEmergencyIn)


async def emergency(services: Services, received: Request) -> bytes:
    """Choose for an order in EMERGENCY; the same choice may be repeated."""
    asked = _decode(received.body)
    await choose_resolution(
        services.opening,
        partner_id=received.signed_by.access.partner_id,
        order_id=asked.id,
        token=asked.token,
        choice=asked.choice,
    )
    return success(True)


ENDPOINTS = (
    Endpoint(
        "/emergency",
        "POST",
        Call.EMERGENCY,
        auth_required=True,
        handle=emergency,
        summary="Choose what is done with an order that is held",
        takes=ResolveEmergencyIn,
        gives=bool,
        refusals=(InvalidRequest, NotFound, EmergencyInvalidChoice, Unavailable),
        example=examples.EMERGENCY,
    ),
)
