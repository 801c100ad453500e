"""Resolve an order as the operator decides: exchange, refund or cancel."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.orders.order import Order


async def exchange_order(
    ports: SettlementPorts, order_id: UUID, *, overrule: bool = False
) -> Order:
    """Carry a held order on at the live rate, with what was received.

    Raises NotFound, InvalidTransition, EmergencyInvalidChoice where the deposit doesn't cover the
    network fee or the partner has chosen otherwise (unless `overrule`), and Unavailable without
    fresh rates.
    """
    snapshot, now = ports.market.snapshot(), ports.clock.now()
    return await move_order(
        ports,
        order_id,
        lambda order: order.exchange_chosen(snapshot=snapshot, at=now, overrule=overrule),
    )


async def refund_order(
    ports: SettlementPorts, order_id: UUID, tx_id: str, *, overrule: bool = False
) -> Order:
    """Record that a held order's deposit was sent back; raises as above."""
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.refunded(tx_id, at=now, overrule=overrule)
    )


async def cancel_order(ports: SettlementPorts, order_id: UUID, *, overrule: bool = False) -> Order:
    """End an order that nobody has paid for, or a held one without doing anything; as above."""
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.cancelled(at=now, overrule=overrule)
    )
