"""Builds codes, orders in each state, and the ledger postings of completed orders."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from domain.actions.ledger.ports import LedgerPorts
from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.assets import Catalogue
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME, Order
from domain.partners.codes import CodeStatistics, OwnCode
from domain.partners.partner import Partner
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import START, add_addresses, new_order

USD = 10**18
ADDRESSES_AT_ONCE = 64
BTC_AT_62450 = {"BTC": 62_450 * USD, "USDT": USD}


class Books:
    """The database as seen by each role, and a market with prices set by the test."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue) -> None:
        self.urls = urls
        self.catalogue = catalogue
        self.free_addresses = 0
        self.owner = psycopg.connect(urls.owner, autocommit=True)
        self.gateway = Database(urls.gateway, size=8)
        self.settlement = Database(urls.settlement, size=8)
        self.admin = Database(urls.admin)
        self.codes = PostgresCodeRepository(self.gateway)
        self.market = LiveMarket(sandbox=catalogue.sandbox)
        self.market.adopt_catalogue(catalogue)
        self.ports = SettlementPorts(
            clock=SystemClock(),
            market=self.market,
            orders=PostgresSettlementOrderRepository(self.settlement, lambda: catalogue),
            new_id=new_id,
        )
        self.earnings = PostgresEarningsRepository(self.admin)
        self.ledger = LedgerPorts(clock=self.ports.clock, repository=self.earnings, new_id=new_id)

    async def code(self, partner: Partner, **changes: object) -> OwnCode:
        code = OwnCode(
            id=new_id(),
            code=f"code-{uuid4().hex[:8]}",
            label=None,
            markup_bps=None,
            enabled=True,
            created_at=START,
        )
        code = msgspec.structs.replace(code, **changes)
        assert await self.codes.add(partner.id, code)
        return code

    async def opened(
        self, partner: Partner, code: OwnCode | None = None, **changes: object
    ) -> Order:
        if not self.free_addresses:
            add_addresses(self.urls.owner, ADDRESSES_AT_ONCE)
            self.free_addresses = ADDRESSES_AT_ONCE
        self.free_addresses -= 1
        repository = PostgresOrderRepository(self.gateway, lambda: self.catalogue)
        now = self.ports.clock.now()
        changes = {"created_at": now, "updated_at": now, "expires_at": now + LIFETIME, **changes}
        changes["code_id"] = code.id if code else None
        order = new_order(partner, self.catalogue, **changes)
        return (await repository.open(order, token_hash=b"t" * 32, idempotency=None)).order

    async def due(self, partner: Partner, code: OwnCode | None = None, **changes: object) -> UUID:
        """Open an order whose payout is due, as after a confirmed deposit."""
        order = await self.opened(partner, code, **changes)
        self.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", order.id)
        return order.id

    async def swapped(
        self, partner: Partner, code: OwnCode | None = None, **changes: object
    ) -> Order:
        """Open an order and take it to completion."""
        order = await self.opened(partner, code, **changes)
        deposit = ObservedDeposit(uuid4().hex, order.source_amount)
        await observe_deposit(self.ports, order.id, deposit)
        await confirm_deposits(self.ports, order.id, [deposit])
        return await complete_payout(self.ports, order.id, uuid4().hex)

    async def statistics(self, partner: Partner) -> list[CodeStatistics]:
        return [one.statistics for one in await self.codes.newest(partner.id, limit=100)]

    def knows(self, prices: dict[str, int], *, age: timedelta = timedelta(0)) -> None:
        at = self.ports.clock.now() - age
        self.market.adopt_snapshot(RateSnapshot(at=at.timestamp(), prices=prices))

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def posted(self) -> dict[str, Decimal]:
        rows = self.sql("SELECT account, sum(amount) FROM ledger_postings GROUP BY account")
        return dict(rows)


@asynccontextmanager
async def opened_books(urls: DatabaseUrls) -> AsyncIterator[Books]:
    reading = Database(urls.gateway)
    catalogue = await read_catalogue(reading)
    reading.close()
    books = Books(urls, catalogue)
    try:
        yield books
    finally:
        books.owner.close()
        for database in (books.gateway, books.settlement, books.admin):
            database.close()
