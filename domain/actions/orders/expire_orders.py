"""Expire orders that received no deposit in time, once their chain has been followed past it."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.errors import InvalidTransition
from domain.orders.order import Order

BATCH = 200
FOLLOWED_MARGIN = timedelta(minutes=2)
"""How far past its expiry an order's chain must have been followed, and time must have passed.

Clocks of block producers differ, and blocks take a moment to reach the nodes.
"""


async def expire_order(ports: SettlementPorts, order_id: UUID) -> Order:
    """Expire an order now; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.expired(at=now))


async def expire_due_orders(ports: SettlementPorts) -> int:
    """Expire up to 200 orders whose time has passed; return the number that was due.

    Outside the sandbox, expiry pauses while an order's source chain is halted, behind or not
    followed: a deposit in time may not have been processed yet.
    """
    now = ports.clock.now()
    due = await ports.orders.due_for_expiry(now, margin=FOLLOWED_MARGIN, limit=BATCH)
    for order_id in due:
        with suppress(InvalidTransition):  # a deposit arrived at the same moment
            await expire_order(ports, order_id)
    return len(due)
