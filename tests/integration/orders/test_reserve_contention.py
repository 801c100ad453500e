"""The reserve under contention: moves to the payout, payouts, refunds and the operator at once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import msgspec
import psycopg
import pytest

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import confirm_deposits
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.resolve_order import exchange_order, refund_order
from domain.errors import ReserveExceeded
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State
from persistence.postgres.market.reserves import PostgresReserveRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from persistence.postgres.reconciliation.order_checks import PROMISED
from tests.support.builders.order_world import FAR_FUTURE, OUT_OF_BOUNDS, OrderWorld
from tests.support.builders.records import add_addresses
from tests.support.waiting import wait_until_async

AGREED = 1_000_000
PAYOUT = 617_550_000
"""What 0.01 BTC pays in this world: the amount of such an order does not change as it moves."""
WAYS = 64
RESERVE = 15_000
"""USDT: 24 such payouts with their network fees, so that neither all nor none of the moves fit."""

DUE = """
SELECT coalesce(sum(destination_amount + network_fee), 0) FROM orders
WHERE destination = %s AND state = 'paying_out'
"""
PAID = """
SELECT coalesce(sum(destination_amount + network_fee), 0) FROM orders
WHERE destination = %s AND state = 'completed'
"""
RESERVED = "SELECT amount FROM reserves WHERE asset = %s"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"

# Every move has checked the reserve, or waits to do so, before the first of them is committed.
BARRIER = """
CREATE FUNCTION barrier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1);
  RETURN NULL;
END
$$;
CREATE TRIGGER zz_barrier AFTER UPDATE OF state ON orders
  FOR EACH ROW EXECUTE FUNCTION barrier();
"""


@pytest.fixture
async def ports(world: OrderWorld) -> AsyncIterator[SettlementPorts]:
    """Settlement with a connection for each of the concurrent moves."""
    database = Database(world.urls.settlement, size=WAYS, statement_timeout_ms=60_000)
    orders = PostgresSettlementOrderRepository(database, lambda: world.market.catalogue)
    yield msgspec.structs.replace(world.settlement_ports, orders=orders)
    database.close()


def amount(world: OrderWorld, query: str, parameter: str) -> Decimal:
    with psycopg.connect(world.urls.owner) as connection:
        row = connection.execute(query.encode(), [parameter]).fetchone()
    assert row is not None
    return Decimal(row[0])


async def set_reserve(world: OrderWorld, code: str, units: int) -> None:
    asset = world.market.catalogue.assets[code]
    await PostgresReserveRepository(world.admin).set(asset, units)


async def confirming(world: OrderWorld, deposited: int = AGREED, **changes: object) -> UUID:
    order_id = await world.opened(expires_at=FAR_FUTURE, **changes)
    await world.observe(order_id, f"tx of {order_id}", deposited)
    return order_id


async def confirm(ports: SettlementPorts, order_id: UUID, deposited: int = AGREED) -> Order:
    return await confirm_deposits(
        ports, order_id, [ObservedDeposit(f"tx of {order_id}", deposited)]
    )


async def test_64_concurrent_moves_to_the_payout_never_exceed_the_reserve_together(
    world: OrderWorld, ports: SettlementPorts
) -> None:
    due = [await confirming(world, destination_amount=PAYOUT) for _ in range(8)]
    for order_id in due:
        await confirm(world.settlement_ports, order_id)
    held = [await world.held() for _ in range((WAYS - len(due)) // 2)]
    waiting = [
        await confirming(world, destination_amount=PAYOUT) for _ in range((WAYS - len(due)) // 2)
    ]
    await set_reserve(world, "usdt_trc20", RESERVE * 10**6)
    world.sql(BARRIER)
    with psycopg.connect(world.urls.owner) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        moves = [
            *(asyncio.create_task(exchange_order(ports, order_id)) for order_id in held),
            *(asyncio.create_task(confirm(ports, order_id)) for order_id in waiting),
            *(asyncio.create_task(complete_payout(ports, order_id, "tx")) for order_id in due),
        ]
        await wait_until_async(lambda: amount(world, WAITING, "%UPDATE orders SET%") == WAYS)
    ended = await asyncio.gather(*moves, return_exceptions=True)
    rejected = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, ReserveExceeded) for one in rejected), rejected
    moved = [one for one in ended if isinstance(one, Order)]
    states = [one.state for one in moved]
    assert states.count(State.COMPLETED) == len(due), "a payout is never rejected"
    assert 0 < states.count(State.PAYING_OUT) < len(held) + len(waiting)
    paid = [one for one in moved if one.id in {*due, *waiting}]
    assert {one.destination_amount for one in paid} == {PAYOUT}
    assert states.count(State.HELD) + len(rejected) > 0
    is_due = amount(world, DUE, "usdt_trc20")
    assert is_due <= amount(world, RESERVED, "usdt_trc20")
    assert amount(world, PAID, "usdt_trc20") + is_due <= RESERVE
    assert world.sql(PROMISED) == []


async def test_refunds_from_the_same_wallet_neither_use_nor_raise_the_reserve(
    world: OrderWorld, ports: SettlementPorts
) -> None:
    refunded = [await world.held(OUT_OF_BOUNDS) for _ in range(8)]
    assets, deposited = world.market.catalogue.assets, 200_000_000
    add_addresses(world.urls.owner, 8, network="Tron")
    waiting = [
        await confirming(
            world,
            deposited,
            source=assets["usdt_trc20"],
            destination=assets["btc"],
            source_amount=deposited,
            network_fee=assets["btc"].network_fee,
        )
        for _ in range(8)
    ]
    first = await confirm(ports, waiting[0], deposited)
    assert first.state is State.PAYING_OUT
    each = first.destination_amount + first.network_fee
    await set_reserve(world, "btc", 3 * each)
    before = amount(world, RESERVED, "btc")
    ended = await asyncio.gather(
        *(refund_order(ports, order_id, f"refund of {order_id}") for order_id in refunded),
        *(confirm(ports, order_id, deposited) for order_id in waiting[1:]),
    )
    states = [one.state for one in ended]
    assert states.count(State.REFUNDED) == len(refunded)
    assert (states.count(State.PAYING_OUT), states.count(State.HELD)) == (2, 5)
    assert amount(world, RESERVED, "btc") == before == amount(world, DUE, "btc")


@pytest.mark.parametrize("has_reserve", [True, False], ids=["set before", "set first"])
async def test_a_reserve_that_is_set_counts_promises_that_change_at_the_same_moment(
    world: OrderWorld, *, has_reserve: bool
) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    asset = world.market.catalogue.assets["usdt_trc20"]
    if has_reserve:
        await set_reserve(world, asset.code, 10**9)
    change = "UPDATE orders SET destination_amount = destination_amount + 1 WHERE id = %s"
    with psycopg.connect(world.urls.owner) as connection:
        connection.execute(change, [order_id])
        setting = asyncio.create_task(set_reserve(world, asset.code, 5 * 10**9))
        await wait_until_async(
            lambda: setting.done() or amount(world, WAITING, "%set_reserve(%") > 0
        )
        connection.commit()
    await setting
    assert amount(world, RESERVED, asset.code) == 5_000
    assert world.sql(PROMISED) == []
