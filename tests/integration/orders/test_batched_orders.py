"""Concurrent orders share a statement, with the same results as alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import psycopg
import pytest

from domain.actions.orders.ports import IdempotencyKey, OpenedOrder
from domain.assets import Catalogue
from domain.errors import IdempotencyConflict, ReserveExceeded, Unavailable
from domain.partners.partner import Partner
from persistence.postgres.batcher import Batcher
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.insert import INSERT, order_insert
from persistence.postgres.orders.orders import CONCURRENT_INSERTS, PostgresOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import add_addresses, new_order, stored_partner
from tests.support.counting_database import CountingDatabase

HASH = b"t" * 32
NOWHERE = "postgresql://nobody@/nothing?host=%2Fnowhere&port=5432"


class World:
    """A partner, and the repository of the gateway."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue, partner: Partner) -> None:
        self.owner_url = urls.owner
        self.database = CountingDatabase(urls.gateway, size=8)
        self.repository = PostgresOrderRepository(self.database, lambda: catalogue)
        self.catalogue = catalogue
        self.partner = partner

    async def open(
        self, *, key: str | None = None, body: bytes = b"b", **changes: object
    ) -> OpenedOrder:
        return await self.repository.open(
            new_order(self.partner, self.catalogue, **changes),
            token_hash=HASH,
            idempotency=IdempotencyKey(key, body * 32) if key else None,
        )

    def ask(self, sql: str) -> object:
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            row = connection.execute(sql.encode()).fetchone()
            return row[0] if row else None


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    admin, reading = Database(database_urls.admin), Database(database_urls.gateway)
    partner, catalogue = await stored_partner(admin), await read_catalogue(reading)
    world = World(database_urls, catalogue, partner)
    yield world
    for database in (admin, reading, world.database):
        database.close()


async def test_concurrent_orders_share_a_few_statements(world: World) -> None:
    add_addresses(world.owner_url, 100)
    opened = await asyncio.gather(*(world.open(key=f"key-{n:04}") for n in range(100)))
    assert world.database.statements <= 3
    assert len({one.order.pay_in_address for one in opened}) == 100
    partner_id = opened[0].order.partner_id
    for most in (4, 2):  # once cached, only their versions are read
        world.database.statements = 0
        found = await asyncio.gather(
            *(world.repository.find(one.order.id, partner_id) for one in opened)
        )
        assert world.database.statements <= most
        assert [one and one[0] for one in found] == [one.order for one in opened]


async def test_only_the_order_above_the_reserve_is_rejected(world: World) -> None:
    add_addresses(world.owner_url, 10)
    world.ask("INSERT INTO reserves (asset, amount) VALUES ('usdt_trc20', 6000) RETURNING asset")
    small = [world.open() for _ in range(4)]
    ended = await asyncio.gather(
        *small, world.open(destination_amount=6_000_000_000), return_exceptions=True
    )
    assert [type(one) for one in ended] == [OpenedOrder] * 4 + [ReserveExceeded]
    assert world.ask("SELECT count(*) FROM orders") == 4
    assert world.ask("SELECT promised FROM reserves") == sum(
        (one.order.destination_amount + one.order.network_fee) / 10**6
        for one in ended
        if isinstance(one, OpenedOrder)
    )


async def test_concurrent_requests_with_one_key_create_one_order(world: World) -> None:
    add_addresses(world.owner_url, 10)
    opened = await asyncio.gather(*(world.open(key="key-0001") for _ in range(5)))
    assert len({one.order.id for one in opened}) == 1
    assert sorted(one.repeated for one in opened) == [False, True, True, True, True]
    assert world.ask("SELECT count(*) FROM pay_in_addresses WHERE order_id IS NOT NULL") == 1
    ended = await asyncio.gather(
        world.open(key="key-0001", body=b"c"), world.open(), return_exceptions=True
    )
    assert [type(one) for one in ended] == [IdempotencyConflict, OpenedOrder]


async def test_a_repetition_does_not_take_the_last_address_from_another_order(world: World) -> None:
    add_addresses(world.owner_url, 1)
    first = await world.open(key="key-0001")
    add_addresses(world.owner_url, 1)
    repeat, other = await asyncio.gather(world.open(key="key-0001"), world.open())
    assert (repeat.order.id, repeat.repeated) == (first.order.id, True)
    assert not other.repeated


async def test_as_many_orders_are_created_as_there_are_addresses(world: World) -> None:
    add_addresses(world.owner_url, 3)
    ended = await asyncio.gather(*(world.open() for _ in range(5)), return_exceptions=True)
    kinds = sorted(type(one).__name__ for one in ended)
    assert kinds == ["OpenedOrder"] * 3 + [Unavailable.__name__] * 2


async def test_an_invalid_order_fails_alone(world: World) -> None:
    add_addresses(world.owner_url, 10)
    unsound = world.open(destination_amount=-1)
    ended = await asyncio.gather(world.open(), unsound, world.open(), return_exceptions=True)
    assert [isinstance(one, OpenedOrder) for one in ended] == [True, False, True]
    assert world.ask("SELECT count(*) FROM orders") == 2


async def test_without_a_database_every_caller_gets_an_error(world: World) -> None:
    repository = PostgresOrderRepository(Database(NOWHERE), world.repository._catalogue)
    order = (await _sample(world)).order
    ended = await asyncio.gather(
        *(repository.open(order, token_hash=HASH, idempotency=None) for _ in range(3)),
        *(repository.find(order.id, order.partner_id) for _ in range(3)),
        return_exceptions=True,
    )
    assert all(isinstance(one, Unavailable) for one in ended)


async def _sample(world: World) -> OpenedOrder:
    add_addresses(world.owner_url, 1)
    return await world.open()


class Slow:
    """Responds when allowed to, and records which requests were batched."""

    def __init__(self) -> None:
        self.groups: list[Sequence[int]] = []
        self.let = asyncio.Event()

    async def run(self, questions: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(questions)
        await self.let.wait()
        return [ValueError("odd") if one % 2 else one for one in questions]


async def test_a_single_request_runs_at_once_and_later_ones_are_batched() -> None:
    slow = Slow()
    batcher = Batcher(slow.run, batch_size=3, concurrency=CONCURRENT_INSERTS)
    asked = []
    for number in range(CONCURRENT_INSERTS):
        asked.append(batcher.submit(number * 2))
        await asyncio.sleep(0)
    asked += [batcher.submit(number) for number in (10, 12, 14, 16)]
    await asyncio.sleep(0)
    assert slow.groups == [[0], [2]]
    slow.let.set()
    assert await asyncio.gather(*asked) == [0, 2, 10, 12, 14, 16]
    assert slow.groups == [[0], [2], [10, 12, 14], [16]]


async def test_an_error_or_a_cancellation_affects_only_its_own_caller() -> None:
    slow = Slow()
    batcher = Batcher(slow.run, batch_size=8, concurrency=1)
    left, stays, wrong = (batcher.submit(number) for number in (2, 4, 5))
    await asyncio.sleep(0)
    left.cancel()
    slow.let.set()
    assert await stays == 4
    with pytest.raises(ValueError, match="odd"):
        await wrong
    assert await batcher.submit(6) == 6


async def test_callers_of_a_cancelled_statement_do_not_wait_forever() -> None:
    slow = Slow()
    batcher = Batcher(slow.run, batch_size=8, concurrency=1)
    asked = batcher.submit(2)
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_a_free_address_is_found_by_index_among_many_reserved_ones(world: World) -> None:
    add_addresses(world.owner_url, 10_000)
    with psycopg.connect(world.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE pay_in_addresses")  # of before, as often where it grows
        connection.execute(  # addresses without orders are enough here
            "ALTER TABLE pay_in_addresses DROP CONSTRAINT pay_in_addresses_order_id_fkey"
        )
        connection.execute(
            "UPDATE pay_in_addresses SET order_id = gen_random_uuid()"
            " WHERE id < (SELECT max(id) - 4000 FROM pay_in_addresses)"
        )
        order = order_insert(new_order(world.partner, world.catalogue), HASH, None)
        given = msgspec.json.encode([order]).decode()
        statement = INSERT.replace("$1", f"'{given}'")
        plan = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode()).fetchone()
    assert plan is not None
    assert max(_read(plan[0][0]["Plan"])) < 100


def _read(node: dict[str, Any]) -> list[float]:
    """Return how many rows each step of a plan has read, in vain or not."""
    below = [rows for one in node.get("Plans", ()) for rows in _read(one)]
    return [node["Actual Rows"] + node.get("Rows Removed by Filter", 0), *below]
