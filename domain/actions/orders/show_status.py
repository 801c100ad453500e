"""Show an order's status to anybody who knows its id, and nothing else of it."""

from domain.actions.orders.ports import OrderRepository
from domain.actions.orders.show_order import order_key
from domain.errors import NotFound
from domain.orders.states import STATUS_OF, Status


async def show_status(orders: OrderRepository, order_id: str) -> Status:
    """Return the status; raise NotFound for an order that is unknown or deleted."""
    key = order_key(order_id)
    state = await orders.state(key) if key is not None else None
    if state is None:
        raise NotFound
    return STATUS_OF[state]
