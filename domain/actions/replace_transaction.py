"""Record that another transaction pays an order, or sends its deposit back, than was thought."""

from uuid import UUID

from domain.actions.move_order import move_order
from domain.orders import Order
from domain.ports import Settlement


async def replace_transaction(ports: Settlement, order_id: UUID, tx_id: str) -> Order:
    """Record the transaction that took another one's place; raise NotFound or InvalidTransition.

    The status stays, so no event tells of it: who asks for the order sees the new one.
    """
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.transaction_replaced(tx_id, at=now)
    )
