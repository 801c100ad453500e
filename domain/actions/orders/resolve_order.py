"""Resolve an order as the operator decides: exchange, refund or cancel."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.orders.order import Order


async def exchange_order(
    ports: SettlementPorts, order_id: UUID, *, overrule: bool = False
) -> Order:
    """Resume a held order at the live rate with the amount received.

    Raises NotFound, InvalidTransition, EmergencyInvalidChoice where the deposits do not cover the
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
    """Record the refund of a held order; raises as `exchange_order`."""
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.refunded(tx_id, at=now, overrule=overrule)
    )


async def cancel_order(ports: SettlementPorts, order_id: UUID, *, overrule: bool = False) -> Order:
    """End an order without a deposit, or a held one without payout or refund; raises as above."""
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.cancelled(at=now, overrule=overrule)
    )
