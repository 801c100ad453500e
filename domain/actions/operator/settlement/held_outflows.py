"""Hold payouts and refunds that are not signed, release them, and raise the bound of their cost."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.operator.audit import checked_reason
from domain.errors import InvalidCommand, InvalidTransition, NotFound
from domain.money import parse_cents

MAX_COST_BOUND_USD: Final = Decimal(10_000)
"""A typing error must not let one transaction empty a hot wallet."""


class OutflowAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order's payout or refund is not sent, since when, and when it is attempted again.

    `next_attempt_at` is None for an order that waits until it is released, `held_at` for one that
    is not on hold. `max_cost_usd` is the bound of its cost that an operator set.
    """

    order_id: str
    network: str
    reason: str
    detail: str
    failures: int
    failing_since: datetime
    next_attempt_at: datetime | None
    held_at: datetime | None
    max_cost_usd: Decimal | None


class HeldOutflowRepository(Protocol):
    """Holds, releases and cost bounds of single orders. Each method raises Unavailable."""

    async def hold(self, order_id: UUID, *, detail: str) -> bool:
        """Put an order's payout or refund on hold, and cancel it if it is intended.

        False, without effect, if it is signed, or the order is not to be paid out or refunded.
        """

    async def release(self, order_id: UUID) -> bool:
        """Have it attempted again at once; False if it is neither failing nor on hold."""

    async def raise_bound(self, order_id: UUID, usd: Decimal) -> bool:
        """Set how much its transaction may cost; False without such an order.

        The id may be that of an approved refund of a deposit.
        """

    async def attempt(self, order_id: UUID) -> OutflowAttempt | None:
        """Return the order's failing attempt or hold; None if there is none."""


async def hold_outflow(outflows: HeldOutflowRepository, order_id: UUID, *, reason: str) -> None:
    """Put a payout or refund on hold that is not signed; raise InvalidTransition otherwise."""
    if not await outflows.hold(order_id, detail=checked_reason(reason)):
        raise InvalidTransition(
            f"order {order_id} has no payout or refund that can be put on hold: it is not due, or "
            "it is signed"
        )


async def release_outflow(outflows: HeldOutflowRepository, order_id: UUID, *, reason: str) -> None:
    """Have settlement attempt a failing or held order again at once; raise NotFound."""
    checked_reason(reason)
    if not await outflows.release(order_id):
        raise NotFound(f"the payout of order {order_id} is neither on hold nor failing")


async def raise_cost_bound(
    outflows: HeldOutflowRepository, order_id: UUID, usd: str, *, reason: str
) -> Decimal:
    """Set how much the transaction of one order may cost, in USD; return it.

    Settlement attempts the order again at once. Raises InvalidCommand and NotFound.
    """
    checked_reason(reason)
    bound = parse_cents(usd)
    if bound > MAX_COST_BOUND_USD:
        raise InvalidCommand(f"one transaction may cost at most {MAX_COST_BOUND_USD} USD")
    if not await outflows.raise_bound(order_id, bound):
        raise NotFound(f"there is no order or refund of a deposit {order_id}")
    return bound
