"""Open an order for a visitor of the swap page: attributed, and idempotent per form."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.ports import IdempotencyKey, OrderPorts
from domain.actions.orders.quote import QuotedSwap
from domain.actions.orders.show_order import show_order
from domain.actions.partners.ports import ReferralPorts
from domain.actions.partners.refer import attribute
from domain.errors import IdempotencyConflict, NotFound
from domain.orders.order import Order
from domain.partners.credentials import new_secret

TOKEN_PURPOSE: Final = b"order token of the swap page"
CLIENT_PURPOSE: Final = b"client address of an unsigned order"


class VisitorForm(msgspec.Struct, frozen=True, kw_only=True):
    """A submitted form. `once` is a secret of this form, which makes its submission idempotent.

    `swap` is of the quote that the page has shown.
    """

    once: str
    swap: QuotedSwap
    destination_address: str
    destination_tag: str | None
    refund_address: str


class VisitorOrder(msgspec.Struct, frozen=True):
    """An order and its access token, which the browser stores."""

    order: Order
    token: str


async def open_for_visitor(
    ports: OrderPorts,
    referring: ReferralPorts,
    form: VisitorForm,
    *,
    clients: Sequence[bytes],
    cookie: str | None,
    token_keys: Sequence[bytes],
) -> VisitorOrder:
    """Open an order attributed by the cookie, or return the one that this form opened before.

    The token is derived from the form's secret with the first of `token_keys`, so that a form
    submitted twice leads to the same page; like every token it is stored as a hash. `clients` are
    the `client_hash` of what the visitor's orders count for, the narrowest first. Raises what
    open_order raises, QuoteInvalid also if the visitor is attributed to another code, or has
    another markup, than the quote was made for, and Maintenance if the order can be attributed to
    no partner.
    """
    attribution = await attribute(referring, cookie, fresh=True)
    body_hash = _hash(form)
    opened = await open_order(
        msgspec.structs.replace(
            ports, randomness=lambda _: _token_bytes(token_keys[0], form.once, body_hash)
        ),
        OrderRequest(
            partner_id=attribution.partner_id,
            code_id=attribution.code_id,
            swap=form.swap,
            markup_bps=attribution.markup_bps,
            destination_address=form.destination_address,
            destination_tag=form.destination_tag,
            refund_address=form.refund_address,
            source_network=None,
            destination_network=None,
            client=clients[0],
            client_networks=tuple(clients[1:]),
        ),
        idempotency=IdempotencyKey(key=f"page:{form.once}", body_hash=body_hash),
    )
    if opened.token is not None:
        return VisitorOrder(opened.order, opened.token)
    for key in token_keys:  # the order may have been opened before the keys were rotated
        token = new_secret(lambda _, key=key: _token_bytes(key, form.once, body_hash))  # type: ignore[misc]
        try:
            order = await show_order(
                ports.orders, partner_id=None, order_id=str(opened.order.id), token=token
            )
        except NotFound:
            continue
        return VisitorOrder(order, token)
    raise IdempotencyConflict("the order of this form has another token")


def _hash(form: VisitorForm) -> bytes:
    """Return the hash of what was filled in.

    A form that is submitted again may have the next quote: it leads to the order that the first
    submission has opened.
    """
    filled_in = msgspec.structs.replace(form, swap=msgspec.structs.replace(form.swap, quote_id=""))
    return hashlib.sha256(msgspec.json.encode(filled_in)).digest()


def client_hash(key: bytes, address: str) -> bytes:
    """Return what is stored of a visitor's address: 32 bytes, meaningless without the key."""
    return hmac.digest(key, address.encode(), hashlib.sha256)


def _token_bytes(key: bytes, once: str, body_hash: bytes) -> bytes:
    return hmac.digest(key, once.encode() + b"\n" + body_hash, hashlib.sha256)
