"""What an order is to be sent: its payout, or its deposit less the network fee."""

from domain.chains.outflows import BelowDustLimit, Outflow, OutflowKind
from domain.errors import InvalidTransition
from domain.orders.order import Order
from domain.orders.states import Choice, State


def draft_outflow(order: Order, kind: OutflowKind) -> Outflow:
    """Return an order's payout or refund.

    That of a completed or refunded order is sent in place of a voided one. Raises InvalidTransition
    if neither is due, and BelowDustLimit if too little would remain of a refund.
    """
    return _payout(order) if kind is OutflowKind.PAYOUT else _refund(order)


def _payout(order: Order) -> Outflow:
    if order.state not in (State.PAYING_OUT, State.COMPLETED):
        raise InvalidTransition(f"an order that is {order.state} cannot be paid out")
    return Outflow(
        order_id=order.id,
        kind=OutflowKind.PAYOUT,
        asset=order.destination,
        address=order.destination_address,
        tag=order.destination_tag,
        amount=order.destination_amount,
    )


def _refund(order: Order) -> Outflow:
    """Return all that was received, less the network fee of its own asset.

    That of a completed order is sent in place of its voided payout: what exceeds its source amount
    is refunded by itself.
    """
    is_chosen = order.choice is Choice.REFUND and order.state in (State.HELD, State.REFUNDED)
    if not is_chosen and order.state is not State.COMPLETED:
        raise InvalidTransition(f"an order that is {order.state} cannot be refunded")
    if not order.deposits.settled:
        raise InvalidTransition("not all of the deposit is confirmed")
    if order.refund_problem is not None:
        raise BelowDustLimit(order.refund_problem)
    return Outflow(
        order_id=order.id,
        kind=OutflowKind.REFUND,
        asset=order.source,
        address=order.refund_address,
        tag=order.refund_tag,
        amount=order.source.refundable(order.refund_received),
    )
