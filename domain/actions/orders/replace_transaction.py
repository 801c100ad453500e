"""Record the transaction that replaced an order's payout or refund transaction."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.orders.order import Order


async def replace_transaction(
    ports: SettlementPorts, order_id: UUID, tx_id: str, *, is_refund: bool
) -> Order:
    """Record the replacement; raise NotFound or InvalidTransition.

    The status does not change, so no event is sent; the order shows the new transaction.
    """
    now = ports.clock.now()
    return await move_order(
        ports,
        order_id,
        lambda order: order.transaction_replaced(tx_id, at=now, is_refund=is_refund),
    )
