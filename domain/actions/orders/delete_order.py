"""Delete an order for its user: it vanishes from every door; what it has earned stays."""

from domain.actions.orders.ports import OrderRepository
from domain.actions.orders.show_order import show_order
from domain.errors import InvalidTransition


async def delete_order(orders: OrderRepository, *, order_id: str, token: str) -> None:
    """Delete a finished order; raise NotFound as show_order, InvalidTransition for one that isn't.

    One with a deposit that its chain hasn't confirmed yet isn't finished: it may need a choice.
    """
    order = await show_order(orders, partner_id=None, order_id=order_id, token=token)
    if not order.is_deletable or not await orders.delete(order.id):
        raise InvalidTransition(f"order {order.id} is not finished")
