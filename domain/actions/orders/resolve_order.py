"""Resolve an order as the operator decides: exchange, refund or cancel."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.settlement_terms import settlement_terms
from domain.orders.order import Order


async def exchange_order(
    ports: SettlementPorts, order_id: UUID, *, overrule: bool = False, above_maximum: bool = False
) -> Order:
    """Resume a held order at the live rate with the amount received.

    `above_maximum` permits a deposit worth more than the pair's maximum. Raises NotFound,
    InvalidTransition, EmergencyInvalidChoice where the deposits cannot be exchanged or the partner
    has chosen otherwise (unless `overrule`), ReserveExceeded, and Unavailable without fresh rates.
    """
    terms_of, now = settlement_terms(ports.market), ports.clock.now()
    return await move_order(
        ports,
        order_id,
        lambda order: order.exchange_chosen(
            terms=terms_of(order), at=now, overrule=overrule, above_maximum=above_maximum
        ),
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
