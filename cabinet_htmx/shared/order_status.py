"""Order texts shared by the swap page and the cabinet."""

from collections.abc import Mapping
from typing import Final

from domain.orders.order import Order
from domain.orders.states import Emergency, State

EMERGENCY_REASONS: Final[Mapping[Emergency, str]] = {
    Emergency.LIMIT: "The amount received is outside the limits for this pair.",
    Emergency.EXPIRED: "The deposit arrived after the order expired.",
}


def order_version(order: Order) -> str:
    """Return a string that changes whenever the displayed state of an order changes."""
    counted = order.deposits.confirmations(order.source.confirmations)
    updated = int(order.updated_at.timestamp() * 1000)
    return f"{order.state}-{updated}-{order.choice}-{counted or 0}"


def confirmations_text(order: Order) -> str | None:
    """Return how far the deposit of an order is confirmed; None if it does not wait for it."""
    required = order.source.confirmations
    counted = order.deposits.confirmations(required)
    if order.state is not State.CONFIRMING or counted is None or not required:
        return None
    return f"{counted} of {required} confirmation{'s' if required > 1 else ''}"
