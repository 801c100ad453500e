"""Move an order by one of its transitions, together with the event that tells of it."""

from collections.abc import Callable
from uuid import UUID

from domain.actions.orders.ports import SettlementPorts
from domain.errors import NotFound, Unavailable
from domain.ledger.postings import Accrual
from domain.orders.order import Order
from domain.webhooks.events import order_status_changed

Transition = Callable[[Order], Order]
Earned = Callable[[Order], Accrual | None]

MAX_TRIES = 20


async def move_order(
    ports: SettlementPorts, order_id: UUID, transition: Transition, *, earned: Earned | None = None
) -> Order:
    """Apply `transition` to the order as it is now, and store the result with its event.

    Optimistic: whoever else moves the order meanwhile makes it be read and decided anew. Raises
    NotFound, whatever the transition raises, and Unavailable when it never gets its turn. What
    changes nothing is not stored. `earned` gives the earnings that are stored with a move.
    """
    for _ in range(MAX_TRIES):
        held = await ports.orders.read(order_id)
        if held is None:
            raise NotFound(f"there is no order {order_id}")
        before, after = held.order, transition(held.order)
        if after == before:
            return before
        event = None
        if after.status is not before.status:
            event = order_status_changed(ports.new_id(), after, at=after.updated_at)
        accrual = earned(after) if earned is not None else None
        if await ports.orders.save(
            after, expected_version=held.version, event=event, earned=accrual
        ):
            return after
    raise Unavailable(f"order {order_id} is moved by somebody else all the time")
