"""Apply a transition to an order and store the result with its event and earnings."""

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
    """Apply `transition` to the current order, and store the result with its event.

    Uses optimistic locking: after a concurrent update the order is read and the transition applied
    again, up to 20 times. A transition that changes nothing is not stored. `earned` returns the
    earnings to post with the result. Raises NotFound, Unavailable after too many conflicts,
    ReserveExceeded as `save`, and the errors of the transition.
    """
    for _ in range(MAX_TRIES):
        stored = await ports.orders.read(order_id)
        if stored is None:
            raise NotFound(f"there is no order {order_id}")
        before, after = stored.order, transition(stored.order)
        if after == before:
            return before
        event = None
        if after.status is not before.status:
            event = order_status_changed(
                ports.new_id(), after, at=after.updated_at, public_url=ports.public_url
            )
        accrual = earned(after) if earned is not None else None
        if await ports.orders.save(
            after, expected_version=stored.version, event=event, earned=accrual
        ):
            return after
    raise Unavailable(f"order {order_id} is updated concurrently too often")
