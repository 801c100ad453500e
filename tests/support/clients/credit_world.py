"""An order from Ethereum, two nodes that a test controls, and requests of credits (PostgreSQL)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from domain.actions.orders.ports import SettlementPorts
from domain.chains.transfers import ConnectedAsset, ObservedTransfer, PendingTransfers, Transfer
from domain.market.rates import RateSnapshot
from feeds.settlement.chains.interface import ProofUnavailable
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.credits import DepositCredits
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts
from gateway.runtime.clock import SystemClock
from gateway.runtime.market import LiveMarket
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.support.clients.operator_command import Operator, with_database

if TYPE_CHECKING:
    from feeds.settlement.deposits.node_pair import NodePair

NETWORK = "Ethereum"
PAY_IN = "0xABCD00000000000000000000000000000000eF12"
TX = "0x" + "ab" * 32
HEIGHT = 1_000
ETHER = 10**8
AMOUNT = ETHER // 4
USD = 10**18
PRICES = {"ETH": 3_000 * USD, "USDT": USD, "BTC": 62_500 * USD}


class Nodes:
    """Both nodes of a chain, which agree; `failure` is raised by proofs."""

    def __init__(self) -> None:
        self.proven: ObservedTransfer | None = ObservedTransfer(HEIGHT, AMOUNT)
        self.failed: bool | None = False
        self.is_known_to_one = False
        self.failure: Exception | None = None
        self.failing: set[str] = set()
        self.time = datetime.now(UTC)

    async def agreed(self, tx_id: str, **_: str) -> ObservedTransfer | None:
        if self.failure is not None:
            raise self.failure
        if tx_id in self.failing:
            raise ProofUnavailable("node has no trace")
        return self.proven

    async def is_known(self, *_: object, **__: str) -> bool:
        return self.is_known_to_one

    async def has_failed(self, _: str) -> bool | None:
        return self.failed

    async def transfers(self, _: str) -> tuple[Sequence[Transfer], Sequence[Transfer]]:
        return (), ()

    async def pending(self) -> PendingTransfers:
        return PendingTransfers((), is_complete=True)

    async def heights(self) -> tuple[int, int]:
        return HEIGHT, HEIGHT

    async def block_hashes(self, height: int) -> tuple[str, str]:
        assert height == HEIGHT
        return "0xb2", "0xb2"

    async def block_time(self, block_hash: str) -> datetime:
        assert block_hash == "0xb2"
        return self.time


class CreditWorld:
    """The operator's command, an order from Ethereum, and the settlement of its deposits."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.nodes = Nodes()
        self.seconds = 0.0
        operator.sql(
            "INSERT INTO pay_in_addresses (network, address, derivation_index) VALUES (%s, %s, 1)",
            *(NETWORK, PAY_IN),
        )
        self.settle(self._connect)
        catalogue = with_database(operator.urls.admin, read_catalogue)
        self.order_id = operator.order(source=catalogue.assets["eth"])

    async def _connect(self, ports: WatchPorts) -> None:
        assets = [ConnectedAsset(one, receives=True, sends=True) for one in ("eth", "usdt_trc20")]
        await ports.chains.set_connected(assets)

    def settle(self, work: Callable[[WatchPorts], Awaitable[Any]]) -> Any:
        """Run `work` with the role and the ports of settlement."""

        async def connected(settlement: Database) -> Any:
            market = LiveMarket()
            market.adopt_catalogue(await read_catalogue(settlement))
            market.adopt_snapshot(RateSnapshot(at=datetime.now(UTC).timestamp(), prices=PRICES))
            orders = PostgresSettlementOrderRepository(settlement, lambda: market.catalogue)
            ports = WatchPorts(
                network=NETWORK,
                nodes=cast("NodePair", self.nodes),
                settlement=SettlementPorts(
                    clock=SystemClock(), market=market, orders=orders, new_id=uuid4
                ),
                chains=PostgresChainRepository(settlement, lambda: market.catalogue),
                drop_after=timedelta(minutes=10),
                monotonic=lambda: self.seconds,
            )
            return await work(ports)

        return with_database(self.operator.urls.settlement, connected)

    def request(self, *arguments: str, tx_id: str = TX, address: str = PAY_IN) -> Any:
        given = (tx_id, address, "--reason", "ticket 7", "--wait", "0", *arguments)
        return self.operator.json("deposit", "credit", *given)

    def rejected_request(self, *arguments: str, tx_id: str = TX, address: str = PAY_IN) -> str:
        given = (tx_id, address, "--reason", "ticket 7", "--wait", "0", *arguments)
        return self.operator.error("deposit", "credit", *given)

    def decide(self) -> Any:
        """Have settlement decide the requests; return the last one."""

        async def work(ports: WatchPorts) -> None:
            await DepositCredits(ports, DepositRecorder(ports)).decide()

        self.settle(work)
        return self.operator.json("deposit", "credits")[0]

    def confirm(self, height: int = HEIGHT + 100) -> str | None:
        result = self.settle(lambda ports: DepositConfirmations(ports).check(height))
        return cast("str | None", result)

    def state(self) -> str:
        ((state,),) = self.operator.sql("SELECT state FROM orders WHERE id = %s", self.order_id)
        return str(state)

    def deposits(self) -> list[tuple[Any, ...]]:
        return self.operator.sql(
            "SELECT tx_id, trim_scale(amount)::text, confirmed_at IS NOT NULL, late, dropped"
            " FROM deposits WHERE order_id = %s",
            self.order_id,
        )
