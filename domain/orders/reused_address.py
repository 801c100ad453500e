"""Whose a deposit is at a pay-in address that other orders had before."""

from collections.abc import Collection
from datetime import datetime

from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State


def is_certainly_for(
    order: Order,
    deposit: ObservedDeposit,
    *,
    since: datetime | None,
    earlier_amounts: Collection[int],
) -> bool:
    """Return whether a deposit is for an order that has just recorded it, and for nobody else.

    It was seen in time, not before the order existed (`since` is what its chain states), and is of
    exactly the amount that the order is to receive and no earlier order of the same asset was to
    receive: customers save addresses, and pay late. All else is for the operator, because whoever
    has the order could exchange or claim it.
    """
    return (
        order.state is State.CONFIRMING
        and (since is None or since >= order.created_at)
        and deposit.amount == order.source_amount
        and deposit.amount not in earlier_amounts
    )
