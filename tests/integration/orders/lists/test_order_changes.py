"""Lists in the order of changes are complete and without repeats while orders change."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Self
from uuid import UUID

import psycopg
import pytest

from domain.actions.orders.lists.list_orders import ListPorts, ListRequest, list_orders
from domain.errors import InvalidRequest
from domain.orders.query import OrderFilter
from domain.orders.references import References
from domain.orders.states import Outcome, Status
from persistence.postgres.orders import changes as order_changes
from persistence.postgres.orders.changes import find_changes
from persistence.postgres.orders.lists import PostgresOrderLists
from persistence.postgres.orders.search import SESSION
from persistence.postgres.pool import Database
from tests.support.builders.order_world import FAR_FUTURE, OrderWorld
from tests.support.builders.records import add_addresses, new_order

if TYPE_CHECKING:
    from domain.orders.cursors import ListPosition

EVERYTHING = OrderFilter(changed_since=datetime(1970, 1, 1, tzinfo=UTC))
ORDERS_PER_SECOND = 50


async def changes(
    world: OrderWorld, filters: OrderFilter = EVERYTHING, *, limit: int = 100
) -> list[UUID]:
    """Return all ids of a list of changes."""
    found: list[UUID] = []
    after: ListPosition | None = None
    while True:
        page = await find_changes(
            world.gateway, world.partner.id, filters, after=after, limit=limit
        )
        assert len(page.ids) <= limit
        found += page.ids
        after = page.position
        if page.is_last:
            return found


async def opened(world: OrderWorld, number: int, **changes: object) -> list[UUID]:
    return [await world.opened(**changes) for _ in range(number)]


@contextmanager
def uncommitted_change(world: OrderWorld, order_id: UUID) -> Iterator[None]:
    """Change an order in a transaction that is committed at the end of the block."""
    with psycopg.connect(world.urls.owner) as connection:
        connection.execute("UPDATE orders SET updated_at = now() WHERE id = %s", (order_id,))
        yield


async def test_a_list_of_changes_ends_before_a_running_transaction(world: OrderWorld) -> None:
    first, second, third = await opened(world, 3)
    with uncommitted_change(world, first):
        await world.observe(second, "tx", 1_000_000)
        assert await changes(world) == [first, third]
    assert await changes(world) == [third, first, second]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_of_changes_have_each_order_once_in_order(
    world: OrderWorld, limit: int
) -> None:
    ids = await opened(world, 5)
    await world.observe(ids[1], "tx", 1_000_000)
    assert await changes(world, limit=limit) == [ids[0], *ids[2:], ids[1]]


async def test_orders_of_before_are_listed_by_their_update(world: OrderWorld) -> None:
    ids = await opened(world, 3)
    world.sql(
        "ALTER TABLE orders DISABLE TRIGGER order_changes;"
        f"UPDATE orders SET changed_at = NULL, updated_at = '2020-01-01Z' WHERE id = '{ids[1]}';"
        "ALTER TABLE orders ENABLE TRIGGER order_changes"
    )
    assert await changes(world) == [ids[1], ids[0], ids[2]]
    year = timedelta(days=365)
    at = datetime(2020, 1, 1, tzinfo=UTC)
    before, since = OrderFilter(changed_until=at), OrderFilter(changed_since=at)
    assert await changes(world, before) == []
    assert await changes(world, since) == [ids[1], ids[0], ids[2]]
    assert await changes(world, OrderFilter(changed_since=at, changed_until=at + year)) == [ids[1]]


async def test_filters_apply_to_changes(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_changes, "SCANNED", 2)
    plain = await opened(world, 3, expires_at=FAR_FUTURE)
    attached = References(external_id="mine")
    named = await opened(world, 2, expires_at=FAR_FUTURE, references=attached)
    await world.observe(plain[0], "tx", 1_000_000)
    await world.observe(named[0], "tx", 1_000_000)
    since = datetime(1970, 1, 1, tzinfo=UTC)

    async def found(**wanted: object) -> list[UUID]:
        return await changes(world, OrderFilter(changed_since=since, **wanted), limit=2)  # type: ignore[arg-type]

    assert await found(external_id="mine") == [named[1], named[0]]
    assert await found(external_id="MINE") == []
    assert await found(status=Status.PENDING) == [plain[0], named[0]]
    assert await found(status=Status.PENDING, external_id="mine") == [named[0]]
    assert await found(status=Status.DONE) == []
    assert await found(outcome=Outcome.COMPLETED) == []
    assert await found(status=Status.NEW, outcome=Outcome.COMPLETED) == []
    monkeypatch.setattr(order_changes, "MAX_SORTED", 1)
    assert await found(external_id="mine") == [named[1], named[0]]


async def test_deleted_orders_and_those_of_others_are_not_listed(world: OrderWorld) -> None:
    kept, deleted = await opened(world, 2)
    world.sql(
        f"UPDATE orders SET state = 'expired', deleted_at = now(), finished_at = now()"
        f" WHERE id = '{deleted}'"
    )
    assert await changes(world) == [kept]


async def test_a_page_is_scanned_through_the_index_of_changes(world: OrderWorld) -> None:
    await opened(world, 3)
    world.sql("ANALYZE orders")
    database = Database(world.urls.owner, session=SESSION)
    parameters = [
        world.partner.id,
        datetime(1970, 1, 1, tzinfo=UTC),
        UUID(int=0),
        datetime.now(UTC),
        101,
        EVERYTHING.states,
        *(None, None, None, None),
        UUID(int=0),
    ]
    rows = await database.fetch(f"EXPLAIN {order_changes.CHANGES}", parameters)
    database.close()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Scan using orders_changed" in plan
    assert "Sort" not in plan


class Writers:
    """Threads that create and change orders in transactions of different lengths."""

    def __init__(self, world: OrderWorld, *, per_second: int) -> None:
        self._world = world
        self._pause = 4 / per_second
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(4)]
        self.written = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        random = Random(seed)
        with psycopg.connect(self._world.urls.owner) as connection:
            while not self._ended.wait(random.random() * 2 * self._pause):
                connection.execute(
                    "UPDATE orders SET updated_at = clock_timestamp() WHERE id = ("
                    " SELECT id FROM orders ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
                )
                connection.execute(
                    "INSERT INTO orders SELECT (t.row).* FROM (SELECT jsonb_populate_record("
                    " o, jsonb_build_object('id', gen_random_uuid(), 'changed_at',"
                    " order_change_time())) AS row FROM orders o LIMIT 1) AS t"
                )
                time.sleep(random.choice([0, 0, 0.02, 0.15]))
                connection.commit()
                self.written += 2


async def read_while_written(world: OrderWorld, *, seconds: float) -> tuple[list[UUID], int]:
    """Return all that one reader was shown, page after page, and how much was written."""
    await opened(world, 20)
    shown: list[UUID] = []
    position: ListPosition | None = None

    async def page() -> bool:
        nonlocal position
        found = await find_changes(
            world.gateway, world.partner.id, EVERYTHING, after=position, limit=7
        )
        order = (found.position.changed_at, found.position.id)
        assert position is None or order >= (position.changed_at, position.id)
        shown.extend(found.ids)
        position = found.position
        return found.is_last

    with Writers(world, per_second=ORDERS_PER_SECOND) as writers:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await page()
            await asyncio.sleep(0.002)
    while not await page():
        pass
    return shown, writers.written


async def check_complete(world: OrderWorld, *, seconds: float) -> None:
    shown, written = await read_while_written(world, seconds=seconds)
    newest = dict.fromkeys(reversed(shown))  # the last time that each order was shown
    in_order = [
        UUID(str(row[0]))
        for row in world.sql("SELECT id FROM orders ORDER BY changed_at DESC, id DESC")
    ]
    assert list(newest) == in_order
    assert written > seconds * ORDERS_PER_SECOND / 4
    assert len(shown) <= written + 20


async def test_a_reader_misses_no_change_and_sees_none_twice(world: OrderWorld) -> None:
    await check_complete(world, seconds=2)


@pytest.mark.slow
async def test_a_reader_misses_no_change_in_a_minute(world: OrderWorld) -> None:
    await check_complete(world, seconds=60)


class ListWorld:
    """Lists as the API requests them."""

    def __init__(self, world: OrderWorld) -> None:
        self.world = world
        self.keys = [b"new" * 8, b"old" * 8]
        self.ports = ListPorts(
            lists=PostgresOrderLists(world.gateway, world.gateway, lambda: world.market.catalogue),
            cursor_keys=lambda: self.keys,
        )

    async def page(
        self, filters: OrderFilter = EVERYTHING, cursor: str | None = None, limit: int = 1
    ) -> tuple[list[UUID], str | None]:
        listed = await list_orders(
            self.ports,
            self.world.partner.id,
            ListRequest(filters=filters, cursor=cursor, limit=limit),
        )
        return [one.id for one in listed.orders], listed.cursor


@pytest.mark.parametrize("filters", [EVERYTHING, OrderFilter()], ids=["changes", "newest"])
async def test_a_cursor_is_valid_while_its_key_is_in_the_ring(
    world: OrderWorld, filters: OrderFilter
) -> None:
    lists = ListWorld(world)
    ids = await opened(world, 3)
    first, cursor = await lists.page(filters)
    lists.keys = [b"newer" * 5, *lists.keys]
    rest, end = await lists.page(filters, cursor, limit=2)
    assert (sorted([*first, *rest]), end) == (sorted(ids), None)
    lists.keys = lists.keys[:1]
    with pytest.raises(InvalidRequest):
        await lists.page(filters, cursor)


async def test_a_list_has_what_its_orders_show(world: OrderWorld) -> None:
    add_addresses(world.urls.owner, 1)
    attached = References(external_id="a", metadata={"b": "c"})
    order = new_order(world.partner, world.market.catalogue, references=attached)
    ports = world.gateway_ports
    stored = await ports.orders.open(order, token_hash=b"t" * 32, idempotency=None)
    listed = await list_orders(
        ListWorld(world).ports, world.partner.id, ListRequest(filters=OrderFilter())
    )
    assert [*listed.orders] == [stored.order]
    assert stored.order.references == attached
