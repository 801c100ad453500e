"""Confirmations are counted for those who follow an order, and change nothing else of it."""

import asyncio
from uuid import UUID

import pytest
from psqlpy.exceptions import Error

from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from persistence.postgres.chains.addresses.own_addresses import PostgresOwnAddresses
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from tests.support.builders.order_world import OrderWorld

AGREED = 1_000_000
REQUIRED = 2


def chains(world: OrderWorld, database: Database | None = None) -> PostgresChainRepository:
    return PostgresChainRepository(database or world.settlement, lambda: world.market.catalogue)


async def found(orders: PostgresOrderRepository, order_id: UUID) -> Order:
    shown = await orders.find(order_id, None)
    assert shown is not None
    return shown[0]


def row_of(world: OrderWorld, order_id: UUID) -> tuple[object, ...]:
    (row,) = world.sql(f"SELECT xmin, version, updated_at FROM orders WHERE id = '{order_id}'")
    return row


async def test_a_cached_order_shows_confirmations_as_they_increase(world: OrderWorld) -> None:
    orders = PostgresOrderRepository(world.gateway, lambda: world.market.catalogue)
    order_id = await world.opened()
    assert (await found(orders, order_id)).deposits.confirmations(REQUIRED) is None
    await world.observe(order_id, "tx", AGREED)
    for number in (0, 1, 0, 1):
        await chains(world).record_confirmations({(order_id, "tx"): number})
        assert (await found(orders, order_id)).deposits.confirmations(REQUIRED) == number
    await world.confirm(order_id)
    assert (await found(orders, order_id)).deposits.confirmations(REQUIRED) == REQUIRED


async def test_confirmations_keep_the_order_and_its_time_of_update(world: OrderWorld) -> None:
    order_id = await world.opened()
    before = await world.observe(order_id, "tx", AGREED)
    first = row_of(world, order_id)
    await chains(world).record_confirmations({(order_id, "tx"): 1})
    second = row_of(world, order_id)
    assert (second[0] != first[0], second[1:]) == (True, first[1:])
    after = await world.read(order_id)
    assert (after.state, after.updated_at) == (before.state, before.updated_at)


async def test_an_unchanged_number_is_not_written_again(world: OrderWorld) -> None:
    order_id, other_id = await world.opened(), await world.opened()
    for one in (order_id, other_id):
        await world.observe(one, "tx", AGREED)
    await chains(world).record_confirmations({(order_id, "tx"): 1, (other_id, "tx"): 0})
    before = row_of(world, order_id), row_of(world, other_id)
    await chains(world).record_confirmations({(order_id, "tx"): 1, (other_id, "tx"): 0})
    assert (row_of(world, order_id), row_of(world, other_id)) == before


async def test_confirmed_and_unknown_deposits_are_left_as_they_are(world: OrderWorld) -> None:
    order_id = await world.opened()
    await world.observe(order_id, "tx", AGREED)
    await world.confirm(order_id)
    before = row_of(world, order_id)
    await chains(world).record_confirmations({(order_id, "tx"): 1, (order_id, "other"): 1})
    assert row_of(world, order_id) == before


async def test_a_deposit_that_is_saved_keeps_its_confirmations(world: OrderWorld) -> None:
    order_id = await world.opened()
    await world.observe(order_id, "tx", AGREED)
    await chains(world).record_confirmations({(order_id, "tx"): 1})
    await world.observe(order_id, "another", AGREED)
    deposits = (await world.read(order_id)).deposits
    assert [one.confirmations for one in deposits.all] == [1, 0]
    assert deposits.knows(ObservedDeposit("another", AGREED).tx_id)


async def test_the_gateway_cannot_write_confirmations(world: OrderWorld) -> None:
    order_id = await world.opened()
    await world.observe(order_id, "tx", AGREED)
    with pytest.raises(Error, match="permission denied"):
        await chains(world, world.gateway).record_confirmations({(order_id, "tx"): 1})


async def test_hot_wallets_are_own_addresses(world: OrderWorld) -> None:
    own = PostgresOwnAddresses(world.gateway)
    wallet = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
    assert not await own.includes_any("Ethereum", {wallet})
    for _ in range(2):
        await chains(world).add_hot_wallet("Ethereum", [wallet])
    lookups = [("Ethereum", wallet), ("Ethereum", "0x"), ("Polygon", wallet), ("Ethereum", wallet)]
    found = await asyncio.gather(*(own.includes_any(network, {one}) for network, one in lookups))
    assert found == [True, False, False, True]
