"""Deposits of orders on a real PostgreSQL."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import confirm_deposits, drop_deposits
from domain.actions.orders.resolve_order import exchange_order
from domain.orders.deposits import ObservedDeposit
from domain.orders.states import State
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.ports import WatchPorts
from persistence.postgres.chains.chains import PostgresChainRepository
from tests.support.builders.order_world import FAR_FUTURE, OUT_OF_BOUNDS, OrderWorld

if TYPE_CHECKING:
    from feeds.settlement.deposits.node_pair import NodePair


async def test_deposits_are_stored_as_they_were_observed_and_confirmed(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    await world.observe(order_id, "tx0", 400_000)
    order = await world.observe(order_id, "tx1", 600_000)
    assert await world.read(order_id) == order
    found = await world.gateway_ports.orders.find(order_id, world.partner.id)
    assert found is not None
    assert found[0] == order
    order = await world.confirm(order_id)
    assert await world.read(order_id) == order
    assert (order.state, order.received) == (State.PAYING_OUT, ObservedDeposit("tx0", 1_000_000))


async def test_deposits_observed_concurrently_each_count_once(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    await asyncio.gather(
        *(
            world.observe(order_id, f"tx{number % 6}", 1_000 * (1 + number % 6))
            for number in range(18)
        )
    )
    order = await world.read(order_id)
    assert order.deposits.total == 1_000 * (1 + 2 + 3 + 4 + 5 + 6)
    assert world.statuses() == ["PENDING"]


async def test_a_deposit_of_38_digits_is_stored_exactly(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    maximum = 10**20 * 10**8 - 1
    await world.observe(order_id, "tx", maximum)
    assert (await world.read(order_id)).deposits.total == maximum


async def test_observing_a_transaction_again_writes_nothing(world: OrderWorld) -> None:
    order_id = await world.held()
    before = await world.settlement_ports.orders.read(order_id)
    await world.observe(order_id, "tx", OUT_OF_BOUNDS)
    await world.observe(order_id, "tx", 1)
    assert await world.settlement_ports.orders.read(order_id) == before


async def test_a_late_deposit_is_stored_without_an_event(world: OrderWorld) -> None:
    order_id = await world.held()
    await exchange_order(world.settlement_ports, order_id)
    await world.observe(order_id, "late-1", 5_000)
    await complete_payout(world.settlement_ports, order_id, "out")
    await world.observe(order_id, "late-2", 6_000)
    order = await world.confirm(order_id)
    assert [one.tx_id for one in order.deposits.late] == ["late-1", "late-2"]
    assert order.received == ObservedDeposit("tx", OUT_OF_BOUNDS)
    assert world.statuses() == ["PENDING", "EMERGENCY", "EXCHANGE", "DONE"]
    assert world.sql("SELECT tx_id FROM deposits WHERE late ORDER BY position") == [
        ("late-1",),
        ("late-2",),
    ]


async def test_an_order_whose_other_deposit_was_dropped_proceeds_once_there_are_rates_again(
    world: OrderWorld,
) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    await world.observe(order_id, "tx0", 1_000_000)
    await world.observe(order_id, "tx1", 1_000_000)
    confirmed = [ObservedDeposit("tx0", 1_000_000)]
    await confirm_deposits(world.settlement_ports, order_id, confirmed)
    order = await drop_deposits(world.settlement_ports, order_id, ["tx1"])
    assert (order.state, order.deposits.settled) == (State.CONFIRMING, True)
    repository = PostgresChainRepository(world.settlement, lambda: world.market.catalogue)

    async def check() -> State:
        ports = WatchPorts(
            network="Bitcoin",
            nodes=cast("NodePair", None),  # no deposit of the order is looked up
            settlement=world.settlement_ports,
            chains=repository,
            drop_after=timedelta(0),
        )
        await DepositConfirmations(ports).check(1)
        return (await world.read(order_id)).state

    world.without_rates()
    assert await check() is State.CONFIRMING
    world.rates()
    assert await check() is State.PAYING_OUT
