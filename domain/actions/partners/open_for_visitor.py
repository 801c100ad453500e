"""Open an order for a visitor of the swap page: attributed, and once however often it is sent."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.ports import IdempotencyKey, OrderPorts
from domain.actions.orders.quote import SwapRequest
from domain.actions.orders.show_order import show_order
from domain.actions.partners.ports import ReferralPorts
from domain.actions.partners.refer import attribute
from domain.errors import IdempotencyConflict, NotFound
from domain.orders.order import Order
from domain.partners.credentials import new_secret

TOKEN_PURPOSE: Final = b"order token of the swap page"


class VisitorOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor wants opened. `once` is the secret their form carries, and no other does."""

    once: str
    swap: SwapRequest
    destination_address: str
    destination_tag: str | None
    refund_address: str


class VisitorsOrder(msgspec.Struct, frozen=True):
    """An order and its access token, which its user's browser keeps."""

    order: Order
    token: str


async def open_for_visitor(
    ports: OrderPorts,
    referring: ReferralPorts,
    wanted: VisitorOrder,
    *,
    cookie: str | None,
    token_keys: Sequence[bytes],
) -> VisitorsOrder:
    """Open an order for whoever the cookie names, or return the one this form opened before.

    The token follows from the form's secret under the first of `token_keys`, so that a form sent
    twice leads to the same page; it is stored as a hash like any other. Raises as open_order, and
    Maintenance where nobody may be given the order.
    """
    attribution = await attribute(referring, cookie, fresh=True)
    body_hash = hashlib.sha256(msgspec.json.encode(wanted)).digest()
    opened = await open_order(
        msgspec.structs.replace(
            ports, randomness=lambda _: _token_bytes(token_keys[0], wanted.once, body_hash)
        ),
        OrderRequest(
            partner_id=attribution.partner_id,
            code_id=attribution.code_id,
            swap=wanted.swap,
            markup_bps=attribution.markup_bps,
            destination_address=wanted.destination_address,
            destination_tag=wanted.destination_tag,
            refund_address=wanted.refund_address,
            source_network=None,
            destination_network=None,
        ),
        idempotency=IdempotencyKey(key=f"page:{wanted.once}", body_hash=body_hash),
    )
    if opened.token is not None:
        return VisitorsOrder(opened.order, opened.token)
    for key in token_keys:  # it may have been opened before the keys were rotated
        token = new_secret(lambda _, key=key: _token_bytes(key, wanted.once, body_hash))  # type: ignore[misc]
        try:
            order = await show_order(
                ports.orders, partner_id=None, order_id=str(opened.order.id), token=token
            )
        except NotFound:
            continue
        return VisitorsOrder(order, token)
    raise IdempotencyConflict("the order of this form has another token")


def _token_bytes(key: bytes, once: str, body_hash: bytes) -> bytes:
    return hmac.digest(key, once.encode() + b"\n" + body_hash, hashlib.sha256)
