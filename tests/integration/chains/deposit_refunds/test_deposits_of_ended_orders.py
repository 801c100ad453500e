"""Each deposit is used by its order, or the operator can refund it: never both, never neither."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.orders.deposits import ObservedDeposit
from domain.orders.states import DEPOSITS_CLOSED, State
from gateway.runtime.clock import new_id
from persistence.postgres.orders.unexpected_deposits import PostgresUnexpectedDeposits
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.refunds import (
    CUSTOMER,
    FEE,
    BrokenWallet,
    outflow_differences,
    outflows,
    propose,
    rounds,
)

NEW = ObservedDeposit("new", 60_000_000)
HELD = (State.HELD, State.REFUNDING)


def ports(world: PayoutWorld) -> SettlementPorts:
    return SettlementPorts(
        clock=world.clock, market=world.market, orders=world.orders(), new_id=new_id
    )


def order_in(world: PayoutWorld, state: State) -> UUID:
    """Store an order in a state, with the deposit that it takes to get there, of 50 USDT."""
    (order_id,) = world.due("a recipient", source="usdt_trc20", destination="trx")
    world.sql(
        "UPDATE orders SET state = %s, emergency = %s, expires_at = %s WHERE id = %s",
        *(state.value, ["LIMIT"] if state in HELD else []),
        *(world.clock.now() + timedelta(minutes=9), order_id),
    )
    if state is State.AWAITING_DEPOSIT:
        world.sql("DELETE FROM deposits")
    else:
        world.sql("UPDATE deposits SET amount = 50, position = 0")
    return order_id


async def unexpected(world: PayoutWorld) -> list[tuple[str, str, str]]:
    found = await PostgresUnexpectedDeposits(world.admin).newest(limit=9)
    return [(one.tx_id, one.kind, one.amount) for one in found]


@pytest.mark.parametrize("state", State)
async def test_a_deposit_is_either_used_by_its_order_or_listed_as_unexpected(
    world: PayoutWorld, state: State
) -> None:
    order_id = order_in(world, state)
    await observe_deposit(ports(world), order_id, NEW)
    order = await confirm_deposits(ports(world), order_id, [NEW])

    listed = {tx_id for tx_id, _, _ in await unexpected(world)}
    used = {one.tx_id for one in order.deposits.counted} - listed
    is_closed = state in DEPOSITS_CLOSED
    assert (NEW.tx_id in listed, NEW.tx_id in used) == (is_closed, not is_closed)
    assert (str(order_id) in listed) == (state is State.CANCELLED)
    assert is_closed or order.state in (State.HELD, State.PAYING_OUT)


async def test_the_deposit_of_a_cancelled_order_is_refunded_once(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    order_id = order_in(world, State.CANCELLED)
    assert await unexpected(world) == [(str(order_id), "cancelled order", "50.000000000000000000")]
    refund = propose(world, txId=str(order_id), orderId=str(order_id))
    await rounds(world, 4)
    assert wallet.paid == [CUSTOMER]
    assert outflows(world) == [(refund, "deposit_refund", CUSTOMER, 50 - FEE, True)]
    assert await outflow_differences(world) == []


async def test_the_orphaned_deposit_of_a_cancelled_order_is_refunded_once_it_is_confirmed_again(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    order_id = order_in(world, State.CANCELLED)
    tx_id = str(order_id)
    world.watches["Tron"].dropped = {tx_id}
    propose(world, txId=tx_id, orderId=tx_id)
    await rounds(world)
    assert wallet.paid == []
    assert world.sql("SELECT confirmed_at FROM deposits") == [(None,)]

    world.watches["Tron"].dropped = set()
    await confirm_deposits(ports(world), order_id, [ObservedDeposit(tx_id, 50_000_000)])
    await rounds(world)
    assert wallet.paid == [CUSTOMER]
