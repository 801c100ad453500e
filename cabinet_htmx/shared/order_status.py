"""Order texts shared by the swap page and the cabinet."""

from collections.abc import Mapping
from typing import Final

from domain.orders.order import Order
from domain.orders.states import Emergency

EMERGENCY_REASONS: Final[Mapping[Emergency, str]] = {
    Emergency.LIMIT: "The amount received is outside the limits for this pair.",
    Emergency.EXPIRED: "The deposit arrived after the order expired.",
}


def order_version(order: Order) -> str:
    """Return a string that changes whenever the displayed state of an order changes."""
    return f"{order.state}-{int(order.updated_at.timestamp() * 1000)}-{order.choice}"
