"""Keyset pagination of a partner's orders: each match once, in order, and only its own."""

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from domain.assets import Catalogue
from domain.errors import NotFound
from domain.ids import first_id_at, made_at
from domain.orders.query import OrderFilter, OrderPage
from domain.orders.states import STATUS_OF, State, Status
from domain.partners.partner import Partner
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders import partner_orders
from persistence.postgres.orders import search as order_search
from persistence.postgres.orders.partner_orders import PostgresOrderQueries
from persistence.postgres.orders.search import SESSION, search_orders
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import stored_partner
from tests.support.counting_database import CountingDatabase

NOW = datetime.now(UTC).replace(microsecond=0)
PAIRS = [("btc", "usdt_trc20"), ("eth", "btc"), ("usdt_trc20", "xmr")]
INSERT = """
INSERT INTO orders (id, partner_id, code_id, rate_type, state, source, destination, source_amount,
  destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address, refund_address,
  pay_in_address, token_hash, created_at, expires_at, updated_at, emergency, deleted_at)
VALUES (%s, %s, %s, 'float', %s, %s, %s, 0.01, 0.02, '62118.75000000', 0.001, 50, 50, 'to', 'back',
  'in', %s, %s, %s, %s, %s, %s)
"""


class Stored(msgspec.Struct, frozen=True):
    """An order as inserted."""

    id: UUID
    code_id: UUID | None
    state: State
    source: str
    destination: str
    created_at: datetime
    deleted: bool

    def fits(self, wanted: OrderFilter) -> bool:
        return not self.deleted and all(
            (
                wanted.status in (None, STATUS_OF[self.state]),
                wanted.code_id in (None, self.code_id),
                wanted.asset in (None, self.source, self.destination),
                wanted.since is None or self.created_at >= wanted.since,
                wanted.until is None or self.created_at < wanted.until,
                wanted.id_prefix is None or self.id.hex.startswith(wanted.id_prefix),
            )
        )


def seventh(at: datetime, random: Random) -> UUID:
    """Return a UUIDv7 with this time."""
    return UUID(int=first_id_at(at).int | 7 << 76 | 2 << 62 | random.getrandbits(62))


class World:
    """Two partners with similar orders; the tests list those of one."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue, partners: list[Partner]) -> None:
        self._urls = urls
        self.database = Database(urls.gateway, size=2, session=SESSION)
        self.orders = PostgresOrderQueries(self.database, lambda: catalogue)
        self.own, self.other = (partner.id for partner in partners)
        self.codes = [uuid4(), uuid4()]
        with psycopg.connect(urls.owner) as connection:
            for number, code in enumerate(self.codes):
                connection.execute(
                    "INSERT INTO codes (id, partner_id, code, created_at) VALUES (%s, %s, %s, %s)",
                    (code, self.own, f"code-{number}-{self.own.hex[:8]}", NOW),
                )

    def store(self, orders: list[Stored], owner: UUID | None = None) -> None:
        rows: list[tuple[Any, ...]] = [
            (
                one.id,
                owner or self.own,
                one.code_id,
                one.state.value,
                one.source,
                one.destination,
                b"t" * 32,
                one.created_at,
                one.created_at + timedelta(minutes=30),
                one.created_at,
                ["LIMIT"] if STATUS_OF[one.state] is Status.EMERGENCY else [],
                NOW if one.deleted else None,
            )
            for one in orders
        ]
        with psycopg.connect(self._urls.owner) as connection:
            connection.cursor().executemany(INSERT, rows)

    def some(self, number: int, *, seed: int, minutes: int = 90) -> list[Stored]:
        """Return orders of the last minutes, of which those that wait are the newest."""
        random = Random(seed)
        found = []
        for _ in range(number):
            age = random.randrange(minutes * 60)
            at = NOW - timedelta(seconds=age)
            young = age < 25 * 60
            state = random.choice(list(State) if young else list(State)[1:])
            source, destination = random.choice(PAIRS)
            found.append(
                Stored(
                    seventh(at, random),
                    random.choice([None, *self.codes]),
                    state,
                    source,
                    destination,
                    at,
                    state is State.COMPLETED and random.random() < 0.3,
                )
            )
        return found

    async def walk(self, wanted: OrderFilter, *, limit: int) -> list[UUID]:
        """Return all that pages show, from the newest to the oldest."""
        found: list[UUID] = []
        page = await self.orders.page(self.own, wanted, limit=limit)
        for _ in range(1_000):
            ids = ids_of(page)
            assert len(ids) <= limit
            found += ids
            if not page.has_older:
                return found
            older_than = page.searched_back_to or ids[-1]
            page = await self.orders.page(self.own, wanted, older_than=older_than, limit=limit)
            assert page.has_newer
        raise AssertionError("there is no end")


def ids_of(page: OrderPage) -> list[UUID]:
    return [listed.order.id for listed in page.orders]


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    admin = Database(database_urls.admin)
    partners = [await stored_partner(admin) for _ in range(2)]
    made = World(database_urls, await read_catalogue(admin), partners)
    yield made
    admin.close()
    made.database.close()


async def test_orders_created_at_the_same_moment_are_each_listed_once(world: World) -> None:
    random = Random(1)
    same = [
        Stored(seventh(NOW, random), None, State.COMPLETED, *PAIRS[0], NOW, False)
        for _ in range(23)
    ]
    world.store(same)
    newest_first = sorted((one.id for one in same), reverse=True)
    assert await world.walk(OrderFilter(), limit=5) == newest_first
    page = await world.orders.page(world.own, OrderFilter(), older_than=newest_first[11], limit=5)
    assert ids_of(page) == newest_first[12:17]
    back = await world.orders.page(world.own, OrderFilter(), newer_than=newest_first[12], limit=5)
    assert ids_of(back) == newest_first[7:12]
    assert back.has_newer
    first = await world.orders.page(world.own, OrderFilter(), newer_than=newest_first[3], limit=5)
    assert (ids_of(first), first.has_newer) == (newest_first[:5], False)


def filters(world: World) -> Iterator[OrderFilter]:
    spans = [(None, None), (NOW - timedelta(minutes=50), NOW - timedelta(minutes=10))]
    for status, code, asset, (since, until) in itertools.product(
        (None, Status.NEW, Status.EXPIRED, Status.DONE, Status.EMERGENCY),
        (None, world.codes[0]),
        (None, "btc", "xmr"),
        spans,
    ):
        yield OrderFilter(status=status, code_id=code, asset=asset, since=since, until=until)


@pytest.mark.parametrize("rounds", [(500, 500), (3, 7)], ids=["in one look", "in many"])
async def test_pages_list_exactly_the_matching_orders(
    world: World, rounds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a search takes in all at once, or breaks off again and again and goes on."""
    monkeypatch.setattr(order_search, "ROUNDS", rounds)
    monkeypatch.setattr(order_search, "AWAITING", rounds[0] * 2)
    orders = world.some(150, seed=2)
    world.store(orders)
    world.store(world.some(60, seed=3), owner=world.other)
    for wanted in filters(world):
        fitting = sorted((one.id for one in orders if one.fits(wanted)), reverse=True)
        assert await world.walk(wanted, limit=20) == fitting, wanted


async def test_a_search_that_stops_early_returns_where_it_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_search, "ROUNDS", (5, 5))
    random = Random(4)
    moments = [NOW - timedelta(hours=2, minutes=minute) for minute in range(60)]
    world.store(
        [
            Stored(
                seventh(at, random),
                world.codes[number % 2],
                State.COMPLETED if number % 2 else State.EXPIRED,
                *PAIRS[0],
                at,
                False,
            )
            for number, at in enumerate(moments)
        ]
    )
    nothing = OrderFilter(code_id=world.codes[0], status=Status.DONE)
    page = await world.orders.page(world.own, nothing, limit=5)
    assert (page.orders, page.has_older) == ([], True)
    assert page.searched_back_to is not None
    assert moments[-1] < made_at(page.searched_back_to) < moments[0]
    assert await world.walk(nothing, limit=5) == []


@pytest.mark.parametrize("newest_first", [True, False])
async def test_orders_just_outside_the_dates_cost_no_second_round(
    world: World, database_urls: DatabaseUrls, newest_first: bool
) -> None:
    random = Random(10)
    moments = [NOW - timedelta(seconds=second) for second in range(90)]
    orders = [
        Stored(seventh(at, random), None, State.EXPIRED, *PAIRS[0], at, False) for at in moments
    ]
    world.store(orders)
    wanted = OrderFilter(since=moments[60], until=moments[30])
    fitting = sorted((one.id for one in orders if one.fits(wanted)), reverse=newest_first)
    database = CountingDatabase(database_urls.gateway, session=SESSION)
    found = await search_orders(database, world.own, wanted, newest_first=newest_first, limit=20)
    database.close()
    assert [UUID(one) for one in found.ids] == fitting[:20]
    assert database.statements == 1


async def test_an_order_is_found_by_the_prefix_of_its_id(world: World) -> None:
    orders = world.some(40, seed=5)
    world.store(orders)
    wanted = OrderFilter(id_prefix=orders[7].id.hex[:13])
    fitting = sorted((one.id for one in orders if one.fits(wanted)), reverse=True)
    assert await world.walk(wanted, limit=5) == fitting
    whole = next(one for one in orders if not one.deleted)
    assert await world.walk(OrderFilter(id_prefix=whole.id.hex), limit=5) == [whole.id]


async def test_orders_of_other_partners_and_deleted_ones_are_not_listed(world: World) -> None:
    mine, theirs = world.some(20, seed=6), world.some(20, seed=7)
    world.store(mine)
    world.store(theirs, owner=world.other)
    every = [one.id for one in mine + theirs]
    shown = {one.id for one in mine if not one.deleted}
    assert set(await world.orders.by_ids(world.own, every)) == shown
    for hidden in [theirs[0].id, next(one.id for one in mine if one.deleted), uuid4()]:
        with pytest.raises(NotFound):
            await world.orders.find(world.own, hidden)
    assert await world.orders.events(world.own, theirs[0].id) == []


async def test_new_orders_are_counted(world: World) -> None:
    orders = [one for one in world.some(30, seed=8) if not one.deleted]
    world.store(orders)
    newest_first = sorted((one.id for one in orders), reverse=True)
    assert await world.orders.count_newer(world.own, OrderFilter(), newest_first[0]) == 0
    assert await world.orders.count_newer(world.own, OrderFilter(), newest_first[6]) == 6


async def test_held_orders_await_a_choice_until_one_is_recorded(world: World) -> None:
    random = Random(9)
    held = [
        Stored(seventh(at, random), None, State.HELD, *PAIRS[0], at, False)
        for at in (NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    ]
    world.store(held)
    assert await world.orders.awaiting_choice(world.own, limit=5) == [one.id for one in held]
    await world.database.fetch(
        "INSERT INTO emergency_choices (order_id, choice) VALUES ($1, 'EXCHANGE')", [held[0].id]
    )
    assert await world.orders.awaiting_choice(world.own, limit=5) == [held[1].id]
    assert await world.orders.awaiting_choice(world.other, limit=5) == []


def test_the_listed_columns_contain_no_token() -> None:
    for statement in (partner_orders.ROWS, order_search._SEARCH):
        assert "token" not in statement
