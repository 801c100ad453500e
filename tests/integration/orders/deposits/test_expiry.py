"""Orders expire once their time has passed and their chain has been followed past it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from domain.actions.orders.expire_orders import FOLLOWED_MARGIN, expire_due_orders
from domain.actions.orders.observe_deposit import observe_deposit
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME
from domain.orders.states import State
from gateway.runtime.clock import SystemClock
from persistence.postgres.chains.chains import PostgresChainRepository
from tests.support.builders.order_world import OrderWorld

SECOND = timedelta(seconds=1)


async def opened(world: OrderWorld, *, expired_for: timedelta) -> UUID:
    """Open an order from Bitcoin whose time passed some time ago."""
    expiry = SystemClock().now() - expired_for
    return await world.opened(created_at=expiry - LIFETIME, expires_at=expiry)


async def follow(world: OrderWorld, *, until: datetime | None, alarm: str | None = None) -> None:
    chains = PostgresChainRepository(world.settlement, lambda: world.market.catalogue)
    await chains.record_status("Bitcoin", height=1, alarm=alarm, followed_until=until)


async def states(world: OrderWorld, ids: Sequence[UUID]) -> list[State]:
    return [(await world.read(one)).state for one in ids]


async def test_in_the_sandbox_orders_expire_as_soon_as_their_time_has_passed(
    world: OrderWorld,
) -> None:
    world.sql("UPDATE operator_settings SET sandbox = true")
    late = await opened(world, expired_for=SECOND)
    paid = await opened(world, expired_for=SECOND)
    fresh = await opened(world, expired_for=-LIFETIME)
    await observe_deposit(
        world.settlement_ports,
        paid,
        ObservedDeposit("tx", 1_000_000),
        since=(await world.read(paid)).created_at,
    )
    assert await expire_due_orders(world.settlement_ports) == 1
    assert await states(world, (late, paid, fresh)) == [
        State.EXPIRED,
        State.CONFIRMING,
        State.AWAITING_DEPOSIT,
    ]
    assert sorted(world.statuses()) == ["EXPIRED", "PENDING"]


async def test_an_order_expires_once_its_chain_was_followed_past_its_expiry_by_a_margin(
    world: OrderWorld,
) -> None:
    order_id = await opened(world, expired_for=LIFETIME)
    expiry = (await world.read(order_id)).expires_at
    for until in (None, expiry, expiry + FOLLOWED_MARGIN - SECOND):
        await follow(world, until=until)
        assert await expire_due_orders(world.settlement_ports) == 0
    await follow(world, until=expiry + FOLLOWED_MARGIN)
    assert await expire_due_orders(world.settlement_ports) == 1
    assert await states(world, [order_id]) == [State.EXPIRED]


async def test_a_block_in_the_future_expires_no_order_early(world: OrderWorld) -> None:
    order_id = await opened(world, expired_for=FOLLOWED_MARGIN - 30 * SECOND)
    await follow(world, until=SystemClock().now() + timedelta(hours=2))
    assert await expire_due_orders(world.settlement_ports) == 0
    assert await states(world, [order_id]) == [State.AWAITING_DEPOSIT]


async def test_an_unavailable_node_does_not_advance_how_far_its_chain_was_followed(
    world: OrderWorld,
) -> None:
    await opened(world, expired_for=LIFETIME)
    await follow(world, until=SystemClock().now() - LIFETIME - SECOND)
    await follow(world, until=None, alarm="node 2 does not respond")
    assert await expire_due_orders(world.settlement_ports) == 0


async def test_no_order_expires_while_its_chain_is_halted(world: OrderWorld) -> None:
    await opened(world, expired_for=LIFETIME)
    await follow(world, until=SystemClock().now())
    world.sql("UPDATE chains SET halted = true")
    assert await expire_due_orders(world.settlement_ports) == 0
    world.sql("UPDATE chains SET halted = false")
    assert await expire_due_orders(world.settlement_ports) == 1


async def test_orders_of_a_paused_chain_delay_no_other_order(world: OrderWorld) -> None:
    paused = [await opened(world, expired_for=2 * LIFETIME) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.actions.orders.expire_orders.BATCH", 1)
        assert await expire_due_orders(world.settlement_ports) == 0
        await follow(world, until=SystemClock().now())
        assert await expire_due_orders(world.settlement_ports) == 1
    assert sorted(await states(world, paused)).count(State.EXPIRED) == 1


async def test_a_deposit_before_expiry_processed_after_a_downtime_is_in_time(
    world: OrderWorld,
) -> None:
    order_id = await opened(world, expired_for=timedelta(hours=3))
    assert await expire_due_orders(world.settlement_ports) == 0
    expiry = (await world.read(order_id)).expires_at
    deposit = ObservedDeposit("tx", 1_000_000)
    order = await observe_deposit(world.settlement_ports, order_id, deposit, since=expiry - SECOND)
    assert order.state is State.CONFIRMING
    stored = await world.read(order_id)
    assert stored.deposits.all[0].seen_at == expiry - SECOND
    assert (await world.confirm(order_id)).state is State.PAYING_OUT
