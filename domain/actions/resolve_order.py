"""Resolve an order as the operator decides: exchange, refund or cancel."""

from uuid import UUID

from domain.actions.move_order import move_order
from domain.orders import Order
from domain.ports import Settlement


async def exchange_order(ports: Settlement, order_id: UUID) -> Order:
    """Carry a held order on at the live rate, with what was received.

    Raises NotFound, InvalidTransition, EmergencyInvalidChoice where the deposit doesn't cover the
    network fee, and Unavailable without fresh rates.
    """
    snapshot, now = ports.market.snapshot(), ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.exchange_chosen(snapshot=snapshot, at=now)
    )


async def refund_order(ports: Settlement, order_id: UUID, tx_id: str) -> Order:
    """Record that a held order's deposit was sent back; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.refunded(tx_id, at=now))


async def cancel_order(ports: Settlement, order_id: UUID) -> Order:
    """End an order that nobody has paid for; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.cancelled(at=now))
