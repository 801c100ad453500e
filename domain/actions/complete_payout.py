"""Complete an order: its payout has been broadcast."""

from uuid import UUID

from domain.actions.move_order import move_order
from domain.orders import Order
from domain.ports import Settlement


async def complete_payout(ports: Settlement, order_id: UUID, tx_id: str) -> Order:
    """Record the payout's transaction; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.payout_broadcast(tx_id, at=now))
