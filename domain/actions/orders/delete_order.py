"""Delete an order for its user: it is no longer shown anywhere; its earnings remain."""

from domain.actions.orders.ports import OrderRepository
from domain.actions.orders.show_order import show_order
from domain.errors import InvalidTransition


async def delete_order(orders: OrderRepository, *, order_id: str, token: str) -> None:
    """Delete a finished order; raise NotFound as show_order, InvalidTransition for others.

    An order with an unconfirmed deposit is not finished: it may become an emergency.
    """
    order = await show_order(orders, partner_id=None, order_id=order_id, token=token)
    if not order.is_deletable or not await orders.delete(order.id):
        raise InvalidTransition(f"order {order.id} is not finished")
