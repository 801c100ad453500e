"""Expire orders that received no deposit in time."""

from contextlib import suppress
from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.errors import InvalidTransition
from domain.orders.order import Order

BATCH = 200


async def expire_order(ports: SettlementPorts, order_id: UUID) -> Order:
    """Expire an order now; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.expired(at=now))


async def expire_due_orders(ports: SettlementPorts) -> int:
    """Expire up to 200 orders whose time has passed; return the number that was due."""
    due = await ports.orders.due_for_expiry(ports.clock.now(), limit=BATCH)
    for order_id in due:
        with suppress(InvalidTransition):  # a deposit arrived at the same moment
            await expire_order(ports, order_id)
    return len(due)
