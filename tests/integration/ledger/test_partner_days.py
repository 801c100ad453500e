"""What days have brought: counted orders and posted money, the same as everywhere else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from domain.assets import Catalogue
from domain.ledger.postings import completion
from domain.ledger.statistics import NOTHING, Figures, total
from domain.market.rates import RateSnapshot
from domain.orders.states import State
from domain.partners.partner import Partner
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from persistence.postgres.ledger.partner_days import count_orders, read_days
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from persistence.postgres.reconciliation.ledger_checks import PARTNER_DAYS
from tests.conftest import DatabaseUrls
from tests.support.builders.records import add_addresses, new_order, stored_partner

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC).date()
USD = 10**18


class World:
    """A partner with orders, and the roles that open, complete and read them."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue, partner: Partner) -> None:
        self.owner_url = urls.owner
        self.gateway = Database(urls.gateway)
        self.settlement = Database(urls.settlement)
        self.partner = partner
        self._catalogue = catalogue
        self._desk = PostgresOrderRepository(self.gateway, lambda: catalogue)
        self._book = PostgresSettlementOrderRepository(self.settlement, lambda: catalogue)

    async def open(self, count: int) -> list[UUID]:
        add_addresses(self.owner_url, count)
        now = datetime.now(UTC)
        times = {"created_at": now, "updated_at": now, "expires_at": now + timedelta(minutes=30)}
        orders = [
            new_order(self.partner, self._catalogue, id=uuid7(), **times) for _ in range(count)
        ]
        await asyncio.gather(
            *(self._desk.open(one, token_hash=b"t" * 32, idempotency=None) for one in orders)
        )
        return [one.id for one in orders]

    async def complete(self, order_id: UUID) -> None:
        read = await self._book.read(order_id)
        assert read is not None
        order = read.order
        earned = completion(
            order, RateSnapshot(at=0, prices={"BTC": 62_500 * USD}), base_fee_share_bps=2_000
        )
        done = new_order(
            self.partner,
            self._catalogue,
            id=order.id,
            state=State.COMPLETED,
            updated_at=datetime.now(UTC),
            finished_at=datetime.now(UTC),
        )
        assert await self._book.save(done, expected_version=read.version, event=None, earned=earned)

    async def figures(self) -> Figures:
        days = await read_days(self.gateway, self.partner.id, LONG_AGO)
        return total(days, since=LONG_AGO, until=datetime.now(UTC).date() + timedelta(days=1))

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def age_orders(self) -> None:
        """Have all orders be two minutes older, ids and all."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "UPDATE orders SET created_at = created_at - interval '2 minutes',"
                " id = overlay(id::text PLACING left(first_id_at(created_at"
                " - interval '2 minutes')::text, 13) FROM 1)::uuid"
            )


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    admin = Database(database_urls.admin)
    made = World(database_urls, await read_catalogue(admin), await stored_partner(admin))
    yield made
    for database in (admin, made.gateway, made.settlement):
        database.close()


async def test_orders_count_immediately_and_once(world: World) -> None:
    assert await world.figures() == NOTHING
    await world.open(5)
    assert (await world.figures()).orders == 5
    assert await count_orders(world.settlement) == 0
    assert world.sql("SELECT sum(orders) FROM partner_days") == [(None,)]  # they are too young
    world.age_orders()
    await count_orders(world.settlement)
    assert world.sql("SELECT sum(orders) FROM partner_days") == [(5,)]
    assert (await world.figures()).orders == 5
    await world.open(3)
    await count_orders(world.settlement)
    assert (await world.figures()).orders == 8
    assert world.sql(PARTNER_DAYS) == []


async def test_concurrent_counts_count_each_order_once(world: World) -> None:
    await world.open(20)
    world.age_orders()
    await asyncio.gather(*(count_orders(world.settlement) for _ in range(4)))
    assert world.sql("SELECT sum(orders) FROM partner_days") == [(20,)]


async def test_the_figures_of_days_add_up_to_the_earnings(world: World) -> None:
    for order_id in await world.open(3):
        await world.complete(order_id)
    found = await world.figures()
    account = await PostgresEarningsRepository(world.gateway).earnings(world.partner.id)
    assert found == Figures(3, 3, account.volume, account.markup + account.base_fee_share)
    assert found.volume == 3 * 625 * USD
    assert world.sql(PARTNER_DAYS) == []


async def test_a_wrong_sum_is_reported(world: World) -> None:
    for order_id in await world.open(2):
        await world.complete(order_id)
    world.sql("UPDATE partner_days SET volume_usd = volume_usd + 1, completed = 7")
    columns = {str(row[0]).partition(" ")[2][11:] for row in world.sql(PARTNER_DAYS)}
    assert columns == {"volume", "completed"}
