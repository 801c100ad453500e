"""Payouts on a real PostgreSQL, with a wallet and chains that a test controls."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import msgspec
import psycopg

from domain.actions.orders.ports import SettlementPorts
from domain.chains.outflows import NetworkCoin, Outflow
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.partners.partner import Partner
from feeds.settlement.chains.interface import Prepared, Signed, Wallet
from feeds.settlement.payouts.leadership import Leadership
from feeds.settlement.payouts.payouts import Payouts
from feeds.settlement.payouts.ports import CostLimits, PayoutPorts
from gateway.runtime.clock import new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.chains.attempts import PostgresAttemptRepository
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.leases import PostgresLeaseRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import stored_partner

if TYPE_CHECKING:
    from feeds.settlement.deposits.watch import ChainWatch

USD = 10**18
PRICES = {"BTC": 62_500 * USD, "LTC": 80 * USD, "USDT": USD, "ETH": 3_000 * USD, "TRX": USD // 4}
TRX = NetworkCoin("TRX", 6)

ORDER = """
INSERT INTO orders (id, partner_id, rate_type, state, source, destination, source_amount,
  destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address, refund_address,
  pay_in_address, token_hash, created_at, expires_at, updated_at)
SELECT %(id)s, %(partner)s, 'float', 'paying_out', %(source)s, a.code, 0.01, %(amount)s, '1.0',
  a.network_fee, 50, 0, %(address)s, %(refund)s, %(id)s, decode(repeat('00', 32), 'hex'), %(at)s,
  %(at)s, %(at)s
FROM assets a WHERE a.code = %(destination)s
"""

DEPOSIT = """
INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)
VALUES (%(id)s, %(id)s, 1, 0.01, %(at)s, %(at)s, false)
"""


class ManualClock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, delta: timedelta) -> None:
        self.time += delta


class TrustedWatch:
    """A chain whose deposits are all confirmed, as long as it is reliable."""

    def __init__(self) -> None:
        self.reliable = True
        self.dropped: set[str] = set()

    async def is_reliable(self) -> bool:
        return self.reliable

    async def is_confirmed(self, order: Order, _: object) -> bool:
        return self.dropped.isdisjoint(one.tx_id for one in order.deposits.counted)

    async def is_transfer_confirmed(self, deposit: ObservedDeposit, **_: object) -> bool:
        return deposit.tx_id not in self.dropped


class SimulatedWallet:
    """A wallet that pays all addresses but those with an error, and records what it was asked for.

    An error of `on_prepare`, `on_sign` or `on_sending` is raised for its address. `sign` waits
    while `may_sign` is not set.
    """

    def __init__(self, coin: NetworkCoin = TRX) -> None:
        self.coin = coin
        self.on_prepare: dict[str, Exception] = {}
        self.on_sign: dict[str, Exception] = {}
        self.on_sending: dict[str, Exception] = {}
        self.signing = asyncio.Event()
        self.may_sign = asyncio.Event()
        self.may_sign.set()
        self.prepared: list[str] = []
        self.paid: list[str] = []
        self.max_costs: list[int] = []
        self.failed: set[str] = set()
        self.unpaid: set[str] = set()
        self.fee = 1_000
        self.nonce = 7

    async def check_identity(self) -> None:
        pass

    async def addresses(self) -> Collection[str]:
        return ()

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        self.prepared.append(outflow.address)
        self.max_costs.append(max_cost)
        if outflow.address in self.on_prepare:
            raise self.on_prepare[outflow.address]
        return Prepared(self.nonce, min(2 * self.fee, max_cost))

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        pass

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        self.max_costs.append(max_cost)
        self.signing.set()
        await self.may_sign.wait()
        if outflow.address in self.on_sign:
            raise self.on_sign[outflow.address]
        return Signed("00", f"tx {outflow.address}")

    async def broadcast(self, signed: Signed) -> None:
        address = signed.tx_id.removeprefix("tx ")
        if address in self.on_sending:
            raise self.on_sending[address]
        self.paid.append(address)
        self.nonce += 1

    async def is_known(self, tx_id: str) -> bool:
        return tx_id.removeprefix("tx ") in self.paid

    async def depth(self, tx_id: str) -> int:
        return 1_000 if await self.is_known(tx_id) else 0

    async def has_paid(self, _: Outflow, tx_id: str) -> bool:
        return tx_id not in self.failed | self.unpaid

    async def has_failed(self, tx_id: str) -> bool:
        return tx_id in self.failed

    async def fee_paid(self, _: str) -> int:
        return self.fee


class PayoutWorld:
    """Due orders, and settlement's payouts on one network."""

    partner: Partner

    def __init__(self, urls: DatabaseUrls, wallet: object, *, network: str) -> None:
        self.urls = urls
        self.network = network
        self.wallet = wallet
        self.clock = ManualClock()
        self.settlement = Database(urls.settlement, size=4)
        self.admin = Database(urls.admin)
        self.market = LiveMarket()
        self.watches = {name: TrustedWatch() for name in ("Bitcoin", "Litecoin", network)}
        self.cost_limits = CostLimits(multiple=3, min_usd=USD // 4)

    async def start(self) -> None:
        self.market.adopt_catalogue(await read_catalogue(self.admin))
        self.publish_rates()
        self.partner = await stored_partner(self.admin)
        leases = PostgresLeaseRepository(self.settlement, lease_time=timedelta(hours=1))
        self.leadership = Leadership(leases, network=self.network, holder="test")
        await self.leadership.keep()
        self.payouts = self.restarted()

    def publish_rates(self) -> None:
        at = datetime.now(UTC).timestamp()
        self.market.adopt_snapshot(RateSnapshot(at=at, prices=PRICES))

    def orders(self) -> PostgresSettlementOrderRepository:
        return PostgresSettlementOrderRepository(self.settlement, lambda: self.market.catalogue)

    def restarted(self) -> Payouts:
        """Return payouts as a new process has them: all they know is in the database."""
        ports = PayoutPorts(
            network=self.network,
            wallet=cast("Wallet", self.wallet),
            watches=cast("Mapping[str, ChainWatch]", self.watches),
            settlement=SettlementPorts(
                clock=self.clock, market=self.market, orders=self.orders(), new_id=new_id
            ),
            chains=PostgresChainRepository(self.settlement, lambda: self.market.catalogue),
            outflows=PostgresOutflowRepository(
                self.settlement,
                lambda: self.market.catalogue,
                lease=self.leadership.lease_of_round,
            ),
            leadership=self.leadership,
            attempts=PostgresAttemptRepository(
                self.settlement, lease=self.leadership.lease_of_round
            ),
            cost_limits=self.cost_limits,
            raise_fee_after=timedelta(minutes=5),
        )
        return Payouts(ports)

    def due(self, *addresses: str, **changes: Any) -> list[UUID]:
        """Store an order that is to be paid out to each address, the oldest first."""
        ids = [uuid4() for _ in addresses]
        default = {
            "partner": self.partner.id,
            "source": "btc",
            "destination": "usdt_trc20",
            "amount": "10",
            "refund": "refund",
        }
        rows = [
            default
            | {"id": one, "address": address, "at": self.clock.now() + timedelta(microseconds=n)}
            | changes
            for n, (one, address) in enumerate(zip(ids, addresses, strict=True))
        ]
        with psycopg.connect(self.urls.owner) as connection, connection.cursor() as cursor:
            cursor.executemany(ORDER, rows)
            cursor.executemany(DEPOSIT, rows)
        return ids

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as the tables' owner."""
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def attempt(self, order_id: UUID) -> "Attempt | None":
        rows = self.sql(
            "SELECT reason, failures, next_attempt_at, held_at IS NOT NULL FROM outflow_attempts "
            "WHERE order_id = %s",
            order_id,
        )
        return Attempt(*rows[0]) if rows else None

    def close(self) -> None:
        self.settlement.close()
        self.admin.close()


class Attempt(msgspec.Struct):
    """What is recorded of an order's failed attempts."""

    reason: str
    failures: int
    next_attempt_at: datetime | None
    held: bool
