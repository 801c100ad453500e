"""Show the status of an order, and little else, to anyone who knows its id."""

from domain.actions.orders.ports import OrderRepository
from domain.actions.orders.show_order import order_key
from domain.errors import NotFound
from domain.orders.query import OrderStatus


async def show_status(orders: OrderRepository, order_id: str) -> OrderStatus:
    """Return the status; raise NotFound if the order is unknown or deleted."""
    key = order_key(order_id)
    found = await orders.status(key) if key is not None else None
    if found is None:
        raise NotFound
    return found
