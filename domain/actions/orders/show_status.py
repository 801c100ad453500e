"""Show the status of an order, and nothing else, to anyone who knows its id."""

from domain.actions.orders.ports import OrderRepository
from domain.actions.orders.show_order import order_key
from domain.errors import NotFound
from domain.orders.states import STATUS_OF, Status


async def show_status(orders: OrderRepository, order_id: str) -> Status:
    """Return the status; raise NotFound if the order is unknown or deleted."""
    key = order_key(order_id)
    state = await orders.state(key) if key is not None else None
    if state is None:
        raise NotFound
    return STATUS_OF[state]
