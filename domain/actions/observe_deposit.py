"""Observe a deposit: first seen on its chain, later confirmed by it."""

from uuid import UUID

from domain.actions.move_order import move_order
from domain.assets import Bounds, Catalogue
from domain.orders import Deposit, Order
from domain.ports import Settlement


async def see_deposit(ports: Settlement, order_id: UUID, deposit: Deposit) -> Order:
    """Note an unconfirmed deposit; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.deposit_seen(deposit, at=now))


async def confirm_deposit(ports: Settlement, order_id: UUID, amount: int) -> Order:
    """Let an order go on with the `amount` (smallest units) that its chain has confirmed.

    Raises NotFound, InvalidTransition, and Unavailable without fresh rates: the deposit then waits.
    """
    snapshot, catalogue = ports.market.snapshot(), ports.market.catalogue
    now = ports.clock.now()
    return await move_order(
        ports,
        order_id,
        lambda order: order.deposit_confirmed(
            amount, snapshot=snapshot, bounds=_bounds(catalogue, order), at=now
        ),
    )


def _bounds(catalogue: Catalogue, order: Order) -> Bounds:
    return catalogue.bounds(order.source.code, order.destination.code)
