"""Record that another transaction pays an order, or sends its deposit back, than was thought."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.orders.order import Order


async def replace_transaction(ports: SettlementPorts, order_id: UUID, tx_id: str) -> Order:
    """Record the transaction that took another one's place; raise NotFound or InvalidTransition.

    The status stays, so no event tells of it: who asks for the order sees the new one.
    """
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.transaction_replaced(tx_id, at=now)
    )
