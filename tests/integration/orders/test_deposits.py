"""Deposits of orders on a real PostgreSQL."""

import asyncio

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.resolve_order import exchange_order
from domain.orders.deposits import ObservedDeposit
from domain.orders.states import State
from tests.support.builders.order_world import FAR_FUTURE, OUT_OF_BOUNDS, OrderWorld


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
