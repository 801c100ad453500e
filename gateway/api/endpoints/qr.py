"""/v1/qr: an order's pay-in address as a QR code."""

from typing import Annotated

import msgspec

from domain.actions.orders.show_order import show_order
from domain.errors import InvalidRequest, NotFound, Unavailable
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.orders import WhichOrderIn
from gateway.codec import Decoder, success

DATA_URL = msgspec.Meta(pattern="^data:image/png;base64,[A-Za-z0-9+/]+=*$")


class QrOut(msgspec.Struct, frozen=True):
    """A PNG image of 256 x 256 pixels as a data URL. Its payload is exactly the pay-in address."""

    qr_png: Annotated[str, DATA_URL] = msgspec.field(name="qrPng")


_decode = Decoder(WhichOrderIn)


async def qr(services: Services, request: Request) -> bytes:
    """Show an order's pay-in address as a QR code. A tag, if there is one, is not included."""
    body = _decode(request.body)
    order = await show_order(
        services.order_ports.orders,
        partner_id=request.partner_id,
        order_id=body.id,
        token=body.token,
    )
    return success(QrOut(await services.qr_codes.data_url(order.pay_in_address)))


ENDPOINTS = (
    Endpoint(
        "/qr",
        "POST",
        Call.QR,
        auth_required=True,
        scopes=FULL_OR_TRADE,
        handle=qr,
        summary="Show an order's pay-in address as a QR code",
        request_type=WhichOrderIn,
        response_type=QrOut,
        errors=(InvalidRequest, NotFound, Unavailable),
        example=examples.QR,
    ),
)
