"""Orders of a partner on a real PostgreSQL, as gateway, settlement and operator see them."""

from collections.abc import Awaitable
from uuid import UUID

import psycopg

from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import OrderPorts, SettlementPorts
from domain.actions.orders.resolve_emergency import choose_resolution, execute_choices
from domain.errors import (
    DomainError,
)
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State
from domain.partners.credentials import token_hash
from domain.partners.partner import Partner
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.quotes import quote_signer
from tests.support.builders.records import START, add_addresses, new_order

TOKEN = "t" * 43
FAR_FUTURE = START.replace(year=2100)
USD = 10**18
PRICES = {"BTC": 62_500 * USD, "USDT": USD}
TOO_LITTLE = 500
"""0.000005 BTC, 0.31 USD: below the bounds, and below the network fee of 1.2 USDT."""
OUT_OF_BOUNDS = 100_000
"""0.001 BTC, 62.50 USD: below the minimum of this world, which is MIN_USD."""
TOO_MUCH = 10_000_000_000
"""100 BTC: above the maximum of 5,000 USD."""
MIN_USD = 100


class OrderWorld:
    """Orders of one partner, with the ports of each process under its own database role."""

    partner: Partner

    def __init__(self, urls: DatabaseUrls) -> None:
        self.urls = urls
        self.gateway = Database(urls.gateway, size=8)
        self.settlement = Database(urls.settlement, size=8)
        self.admin = Database(urls.admin)
        self.market = LiveMarket()

    @property
    def gateway_ports(self) -> OrderPorts:
        return OrderPorts(
            clock=SystemClock(),
            market=self.market,
            quotes=quote_signer(clock=SystemClock()),
            orders=PostgresOrderRepository(self.gateway, lambda: self.market.catalogue),
            new_id=new_id,
            randomness=lambda size: b"r" * size,
        )

    @property
    def settlement_ports(self) -> SettlementPorts:
        return SettlementPorts(
            clock=SystemClock(),
            market=self.market,
            orders=PostgresSettlementOrderRepository(
                self.settlement, lambda: self.market.catalogue
            ),
            new_id=new_id,
        )

    async def refunds(self, *, on: bool) -> None:
        """Enable or disable refunds."""
        await self.set_operator(f"refunds = {on}")

    async def set_operator(self, settings: str) -> None:
        """Change the operator's settings, as SQL, and read the catalogue again."""
        self.sql(f"UPDATE operator_settings SET {settings}")
        self.market.adopt_catalogue(await read_catalogue(self.gateway))

    def rates(self) -> None:
        """Publish current prices."""
        at = SystemClock().now().timestamp()
        self.market.adopt_snapshot(RateSnapshot(at=at, prices=PRICES))

    def without_rates(self) -> None:
        """Discard the rates, as if the process had just started."""
        market = LiveMarket()
        market.adopt_catalogue(self.market.catalogue)
        self.market = market

    async def opened(self, **changes: object) -> UUID:
        add_addresses(self.urls.owner, 1)
        order = new_order(self.partner, self.market.catalogue, **changes)
        await self.gateway_ports.orders.open(order, token_hash=token_hash(TOKEN), idempotency=None)
        return order.id

    async def held(self, amount: int = OUT_OF_BOUNDS) -> UUID:
        """Return an order that is held for LIMIT."""
        order_id = await self.opened(expires_at=FAR_FUTURE)
        await self.observe(order_id, "tx", amount)
        order = await self.confirm(order_id)
        assert order.state is State.HELD
        return order_id

    async def observe(self, order_id: UUID, tx_id: str, amount: int) -> Order:
        return await observe_deposit(
            self.settlement_ports, order_id, ObservedDeposit(tx_id, amount)
        )

    async def confirm(self, order_id: UUID) -> Order:
        order = await self.read(order_id)
        deposits = [ObservedDeposit(one.tx_id, one.amount) for one in order.deposits.unconfirmed]
        return await confirm_deposits(self.settlement_ports, order_id, deposits)

    async def choose(self, order_id: UUID, choice: str, token: str = TOKEN) -> None:
        await choose_resolution(
            self.gateway_ports,
            partner_id=self.partner.id,
            order_id=str(order_id),
            token=token,
            choice=choice,
        )

    async def execute_choices(self) -> int:
        return await execute_choices(self.settlement_ports, lambda order: f"back-{order.id}")

    async def read(self, order_id: UUID) -> Order:
        stored = await self.settlement_ports.orders.read(order_id)
        assert stored is not None
        return stored.order

    def sql(self, statement: str, url: str | None = None) -> list[tuple[object, ...]]:
        with psycopg.connect(url or self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def statuses(self) -> list[str]:
        rows = self.sql(
            "SELECT split_part(dedup_key, ':', 3) FROM webhook_events ORDER BY position"
        )
        return [str(row[0]) for row in rows]


async def outcome(work: Awaitable[object]) -> DomainError | None:
    """Return the error that the action raised, or None."""
    try:
        await work
    except DomainError as error:
        return error
    return None
