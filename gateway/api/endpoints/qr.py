"""/v1/qr: a pay-in address as a QR code."""

from typing import Annotated

import msgspec

from domain.actions.orders.show_order import show_order
from domain.errors import InvalidRequest, NotFound, Unavailable
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.orders import ShowOrderIn
from gateway.codec import Decoder, success

DATA_URL = msgspec.Meta(pattern="^data:image/png;base64,[A-Za-z0-9+/]+=*$")


class QrOut(msgspec.Struct, frozen=True):
    """A picture of 256 x 256 pixels as a data URL; its code reads the pay-in address, no more."""

    qr_png: Annotated[str, DATA_URL] = msgspec.field(name="qrPng")


_decode = Decoder(ShowOrderIn)


async def qr(services: Services, received: Request) -> bytes:
    """Show an order's pay-in address as a QR code. A tag, where there is one, isn't in it."""
    asked = _decode(received.body)
    order = await show_order(
        services.opening.orders,
        partner_id=received.signed_by.access.partner_id,
        order_id=asked.id,
        token=asked.token,
    )
    return success(QrOut(await services.qr_codes.data_url(order.pay_in_address)))


ENDPOINTS = (
    Endpoint(
        "/qr",
        "POST",
        Call.QR,
        auth_required=True,
        handle=qr,
        summary="Show an order's pay-in address as a QR code",
        takes=ShowOrderIn,
        gives=QrOut,
        refusals=(InvalidRequest, NotFound, Unavailable),
        example=examples.QR,
    ),
)
