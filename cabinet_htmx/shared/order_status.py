"""What the swap page and the cabinet both say about an order."""

from collections.abc import Mapping
from typing import Final

from domain.orders.order import Order
from domain.orders.states import Emergency

EMERGENCY_REASONS: Final[Mapping[Emergency, str]] = {
    Emergency.LIMIT: "The amount received is outside the limits of this pair.",
    Emergency.EXPIRED: "The deposit arrived after the order had expired.",
}


def version_seen(order: Order) -> str:
    """Return a token that changes whenever an order has something new to show."""
    return f"{order.state}-{int(order.updated_at.timestamp() * 1000)}-{order.choice}"
