"""Show an order to the partner that opened it and holds its token."""

import hmac
from uuid import UUID

from domain.credentials import is_token, token_hash
from domain.errors import NotFound
from domain.orders import Order
from domain.ports import OrderDesk

_NO_HASH = bytes(32)


async def show_order(orders: OrderDesk, *, partner_id: UUID, order_id: str, token: str) -> Order:
    """Return the order, or raise NotFound: unknown, another partner's, deleted or wrong token.

    All of them take the same steps, so that they can't be told apart.
    """
    key = _as_uuid(order_id)
    if key is None or not is_token(token):
        raise NotFound
    found = await orders.find(key, partner_id)
    order, stored_hash = found or (None, _NO_HASH)
    if not hmac.compare_digest(token_hash(token), stored_hash) or order is None:
        raise NotFound
    return order


def _as_uuid(text: str) -> UUID | None:
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
