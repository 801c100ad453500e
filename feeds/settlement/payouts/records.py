"""Records in an order which transaction pays it out or refunds it."""

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.replace_transaction import replace_transaction
from domain.actions.orders.resolve_order import refund_order
from domain.chains.outflows import OutflowKind
from domain.orders.order import Order
from domain.orders.states import State


async def record_transaction(
    settlement: SettlementPorts, order: Order, kind: OutflowKind, tx_id: str
) -> None:
    """Complete or refund an order with a transaction, unless it names that one already.

    An order that is completed or refunded names it in place of the one that it replaces.
    """
    if tx_id in (order.payout_tx_id, order.refund_tx_id):
        return
    if order.state in (State.COMPLETED, State.REFUNDED):
        is_refund = kind is OutflowKind.REFUND
        await replace_transaction(settlement, order.id, tx_id, is_refund=is_refund)
    elif kind is OutflowKind.PAYOUT:
        await complete_payout(settlement, order.id, tx_id)
    else:
        await refund_order(settlement, order.id, tx_id, overrule=True)
