"""Record what a chain reports about deposits: observed, confirmed, unconfirmed, dropped."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.settlement_terms import settlement_terms
from domain.errors import ReserveExceeded
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.reused_address import is_certainly_for


async def observe_deposit(
    ports: SettlementPorts,
    order_id: UUID,
    deposit: ObservedDeposit,
    *,
    since: datetime | None = None,
    earlier_amounts: Collection[int] | None = None,
) -> Order:
    """Record an unconfirmed deposit; raise NotFound.

    `since` is the time of its block, or when it entered our node's mempool; None for now.
    `earlier_amounts` is given for an address that other orders had before (see ExpectedDeposit).
    The returned order does not know a deposit that is too small to count, or may be an earlier
    order's.
    """
    now = ports.clock.now()

    def seen(order: Order) -> Order:
        moved = order.deposit_seen(deposit, at=now, since=since)
        if earlier_amounts is None or order.deposits.knows(deposit.tx_id):
            return moved
        is_certain = is_certainly_for(moved, deposit, since=since, earlier_amounts=earlier_amounts)
        return moved if is_certain else order

    return await move_order(ports, order_id, seen)


async def confirm_deposits(
    ports: SettlementPorts, order_id: UUID, deposits: Collection[ObservedDeposit]
) -> Order:
    """Record the confirmation of deposits; once all are confirmed the order proceeds.

    It is held where the reserve does not cover its payout. Raises NotFound, InvalidTransition, and
    Unavailable without fresh rates: to be retried.
    """
    terms_of, now = settlement_terms(ports.market), ports.clock.now()

    async def confirmed(*, hold: bool) -> Order:
        return await move_order(
            ports,
            order_id,
            lambda order: order.deposits_confirmed(
                deposits, terms=terms_of(order), at=now, hold=hold
            ),
        )

    try:
        return await confirmed(hold=False)
    except ReserveExceeded:
        return await confirmed(hold=True)


async def unconfirm_deposits(
    ports: SettlementPorts, order_id: UUID, tx_ids: Collection[str]
) -> Order:
    """Record that the blocks of deposits were orphaned; raise NotFound or InvalidTransition."""
    now = ports.clock.now()
    return await move_order(
        ports, order_id, lambda order: order.deposits_unconfirmed(tx_ids, at=now)
    )


async def drop_deposits(ports: SettlementPorts, order_id: UUID, tx_ids: Collection[str]) -> Order:
    """Record that unconfirmed deposits are no longer on chain nor pending; raise NotFound."""
    now = ports.clock.now()
    return await move_order(ports, order_id, lambda order: order.deposits_dropped(tx_ids, at=now))
