"""Ethereum with a derived account, orders that nobody pays, and the reuse of their addresses."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import msgspec

from domain.actions.orders.ports import SettlementPorts
from domain.chains.pay_in import PayInAccount
from domain.chains.transfers import ConnectedAsset, Transfer
from domain.market.rates import RateSnapshot
from feeds.settlement.addresses.derivation import derive
from feeds.settlement.addresses.reuse import AddressReuse
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts
from gateway.runtime.clock import SystemClock
from gateway.runtime.market import LiveMarket
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.pay_in.reuse import PostgresAddressReuse
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.support.chains.world import ethereum_account
from tests.support.clients.operator_command import Operator, with_database

NETWORK = "Ethereum"
ETHER = 10**8
AMOUNT = ETHER // 4
USD = 10**18
WHY = ("--reason", "the pool grows by spam")


class Nodes:
    """Both nodes of the chain: which addresses they cannot prove to be unused."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.asked: list[str] = []
        self.failure: Exception | None = None

    async def unused(self, addresses: Sequence[str]) -> Collection[str]:
        self.asked += addresses
        if self.failure is not None:
            raise self.failure
        return frozenset(addresses) - self.used


class ReuseWorld:
    """The operator's command and the settlement of one network, with one address in its pool."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.nodes = Nodes()
        operator.json("pay-in", "set", NETWORK, ethereum_account())
        self.account = PayInAccount(NETWORK, "bip44", ethereum_account())
        self.assets = with_database(operator.urls.admin, read_catalogue).assets
        self.settle(
            lambda ports: ports.chains.set_connected(
                [ConnectedAsset(one, receives=True, sends=True) for one in ("eth", "usdt_trc20")]
            )
        )
        self.addresses = 0
        self.add_address()

    def add_address(self) -> str:
        """Derive one more address into the pool."""
        (made,) = derive(self.account, start=self.addresses, count=1)
        self.addresses += 1
        self.operator.sql(
            "INSERT INTO pay_in_addresses (network, address, derivation_index) VALUES (%s, %s, %s)",
            *(NETWORK, made.address, made.index),
        )
        self.operator.sql("UPDATE pay_in_accounts SET next_index = %s", self.addresses)
        return made.address

    def allow(self, to: str = "on") -> Any:
        return self.operator.json("pay-in", "reuse", NETWORK, to, *WHY)

    def order(self, amount: int = AMOUNT, **changes: object) -> str:
        given = {"source": self.assets["eth"], "source_amount": amount, **changes}
        return self.operator.order(**given)

    def end(self, order_id: str, *, days: float, state: str = "expired") -> None:
        """Have an order ended so many days ago."""
        ended = datetime.now(UTC) - timedelta(days=days)
        self.operator.sql(
            "UPDATE orders SET state = %s, created_at = %s, expires_at = %s, finished_at = %s"
            " WHERE id = %s",
            *(state, ended - timedelta(hours=1), ended, ended, order_id),
        )

    def unpaid_order(self, *, days: float = 91, **changes: object) -> str:
        """Return an order that nobody paid, and that ended so many days ago."""
        order_id = self.order(**changes)  # type: ignore[arg-type]
        self.end(order_id, days=days)
        return order_id

    def reused(self, amount: int = 2 * AMOUNT) -> tuple[str, str]:
        """Return an order that was never paid, and one that has got its address."""
        first = self.unpaid_order()
        self.allow()
        assert self.reuse() == 1
        second = self.order(amount)
        assert self.address(first) == self.address(second)
        return first, second

    def reuse(self, *, processes: int = 1) -> int:
        """Run the job in so many processes at once; return how many addresses were set free."""

        async def work(settlement: Database) -> int:
            async def is_reliable() -> bool:
                return True

            jobs = [
                AddressReuse(
                    PostgresAddressReuse(settlement),
                    self.nodes,
                    network=NETWORK,
                    is_reliable=is_reliable,
                    to_thread=asyncio.to_thread,
                )
                for _ in range(processes)
            ]
            return sum(await asyncio.gather(*(job.round() for job in jobs)))

        return with_database(self.operator.urls.settlement, work)

    def pay(
        self, address: str, amount: int, *, tx_id: str = "", since: datetime | None = None
    ) -> str:
        """Have a payment found in a block, as settlement records it; return its id."""
        tx_id = tx_id or "0x" + uuid4().hex * 2
        transfer = Transfer(tx_id, address, "eth", amount)

        async def work(ports: WatchPorts) -> None:
            recorder = DepositRecorder(ports)
            expected = await recorder.expected([transfer])
            await recorder.record(transfer, expected[address], since=since)

        self.settle(work)
        return tx_id

    def settle(self, work: Callable[[WatchPorts], Awaitable[Any]]) -> Any:
        """Run `work` with the role and the ports of settlement."""

        async def connected(settlement: Database) -> Any:
            market = LiveMarket()
            market.adopt_catalogue(await read_catalogue(settlement))
            prices = {"ETH": 3_000 * USD, "USDT": USD}
            market.adopt_snapshot(RateSnapshot(at=datetime.now(UTC).timestamp(), prices=prices))
            orders = PostgresSettlementOrderRepository(settlement, lambda: market.catalogue)
            ports = WatchPorts(
                network=NETWORK,
                nodes=cast("Any", SimpleNamespace()),
                settlement=SettlementPorts(
                    clock=SystemClock(), market=market, orders=orders, new_id=uuid4
                ),
                chains=PostgresChainRepository(settlement, lambda: market.catalogue),
                drop_after=timedelta(minutes=10),
            )
            return await work(ports)

        return with_database(self.operator.urls.settlement, connected)

    def address(self, order_id: str) -> str:
        ((address,),) = self.operator.sql(
            "SELECT pay_in_address FROM orders WHERE id = %s", order_id
        )
        return str(address)

    def holder(self, address: str) -> str | None:
        """Return the order that has an address; None while it is free."""
        ((order_id,),) = self.operator.sql(
            "SELECT order_id::text FROM pay_in_addresses WHERE address = %s", address
        )
        return cast("str | None", order_id)

    def state(self, order_id: str) -> str:
        ((state,),) = self.operator.sql("SELECT state FROM orders WHERE id = %s", order_id)
        return str(state)

    def deposits(self, order_id: str) -> list[tuple[Any, ...]]:
        return self.operator.sql(
            "SELECT tx_id, trim_scale(amount)::text, late FROM deposits WHERE order_id = %s",
            order_id,
        )

    def differences(self) -> dict[str, str]:
        done = self.operator.run("reconcile", "--json")
        found = msgspec.json.decode(done.stdout)["differences"]
        return {one["what"]: one["found"] for one in found}
