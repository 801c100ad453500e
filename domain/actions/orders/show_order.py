"""Show an order to the holder of its token: its partner or its end user."""

import hmac
from uuid import UUID

from domain.actions.orders.ports import OrderRepository
from domain.errors import NotFound
from domain.orders.order import Order
from domain.partners.credentials import is_token, token_hash

_NO_HASH = bytes(32)


async def show_order(
    orders: OrderRepository, *, partner_id: UUID | None, order_id: str, token: str | None
) -> Order:
    """Return the order; raise NotFound for any mismatch.

    Unknown, deleted and other partners' orders and wrong tokens take the same steps, so that they
    cannot be distinguished. `partner_id` is None for an end user, whom the token alone authorizes.
    A partner's signature authorizes it without a token; one that it sends is checked all the same.
    """
    key = order_key(order_id)
    is_authorized = partner_id is not None if token is None else is_token(token)
    if key is None or not is_authorized:
        raise NotFound
    found = await orders.find(key, partner_id)
    order, stored_hash = found or (None, _NO_HASH)
    if token is None and order is not None:
        return order
    if token is None or not hmac.compare_digest(token_hash(token), stored_hash) or order is None:
        raise NotFound
    return order


def order_key(text: str) -> UUID | None:
    """Return an order's id in its canonical form; None for any other text."""
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
