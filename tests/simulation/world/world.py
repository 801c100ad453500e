"""The world of one run: chains, nodes, market, customers, operator and settlement processes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from domain.actions.orders.ports import OrderPorts, SettlementPorts
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from tests.simulation.chains.account_chain import AccountChain, Behavior
from tests.simulation.chains.chain import DEEPEST, Chain, Tx
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.chains.nodes import NodeState
from tests.simulation.chains.output_chain import OutputChain
from tests.simulation.checks.invariants import FUNDING, HOT
from tests.simulation.world.clock import ProcessClock, VirtualClock, id_source
from tests.simulation.world.customers import Customers
from tests.simulation.world.market import SimulatedMarket
from tests.simulation.world.operator import Operator
from tests.simulation.world.preparation import PreparedDatabase
from tests.simulation.world.processes import SettlementProcess
from tests.simulation.world.scheduling import Process, Scheduler
from tests.simulation.world.storage import ProcessDatabase, SettlementDatabase
from tests.simulation.world.trace import Trace
from tests.support.builders.quotes import quote_signer

NEVER: Final = datetime.max.replace(tzinfo=UTC)
HOT_OUTPUTS: Final = 12
HOT_OUTPUT: Final = 400 * 10**8


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Which dangers a world contains."""

    processes: int = 2
    """How many settlement processes run at once, at most."""
    hostile: tuple[Behavior, ...] = tuple(Behavior)
    """What hostile recipients do."""


class World:
    """Everything that a run consists of."""

    def __init__(self, prepared: PreparedDatabase, seed: int, options: Options) -> None:
        self.storage = prepared.storage
        self.options = options
        self.random = Random(seed)
        self.processes = self.random.randint(1, options.processes)
        self.clock = VirtualClock()
        self.trace = Trace()
        self.scheduler = Scheduler()
        self.market = SimulatedMarket(prepared.catalogue, self.random)
        self.chains = _chains(self.random, self.clock.now)
        self.nodes = {
            network: {name: NodeState(chain, name) for name in ("own", "second")}
            for network, chain in self.chains.items()
        }
        self.new_id = id_source(self.clock, self.random)
        self._started = 0
        self._statements = -1
        self._followed, self._estimates_end = -1, NEVER
        self.settlement: list[SettlementProcess] = []
        self.customers = self._customers()
        self.operator = self._operator()

    def start_settlement(self) -> SettlementProcess:
        """Start one more settlement process, on a machine whose clock may be wrong."""
        self._started += 1
        skew = self.random.choice((0, 0, 0, -3, 3))
        clock = ProcessClock(self.clock, skew_seconds=skew)
        process = self._process(f"settlement {self._started}")
        started = SettlementProcess(
            process,
            database=SettlementDatabase(self.storage, process),
            clock=clock,
            market=self.market.follow(clock),
            new_id=self.new_id,
            nodes=self.nodes,
        )
        self.settlement.append(started)
        return started

    def able_settlement(self) -> list[SettlementProcess]:
        """Return the processes that may run, after starting what a supervisor would restart."""
        while len(self.settlement) < self.processes:
            self.start_settlement()
        return [one for one in self.settlement if one.may_run]

    async def tick(self) -> None:
        """Tell the database what time it is, and remove processes that were killed."""
        await self.scheduler.quiesce()
        now = self.clock.now()
        self.trace.at = now
        self.storage.set_clock(int(now.timestamp() * 1_000_000))
        for one in self.settlement:
            if not one.process.is_alive:
                self.market.forget(one.market)
        self.settlement = [one for one in self.settlement if one.process.is_alive]
        await self._follow_settings(now)

    async def _follow_settings(self, now: datetime) -> None:
        """Let every process know changed settings and estimates, and forget old estimates.

        As their watchers do, which poll the revision and the end of the estimates' time.
        """
        if self.storage.statements == self._statements and now < self._estimates_end:
            return
        self._statements = self.storage.statements
        revision = self.storage.catalogue_revision()
        if revision == self._followed and now < self._estimates_end:
            return
        catalogue = await read_catalogue(self.storage.gateway)
        valid = catalogue.valid_seconds
        self._followed = revision
        self._estimates_end = NEVER if valid is None else now + timedelta(seconds=valid)
        self.market.adopt(catalogue)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; prices are published meanwhile."""
        self.clock.advance(seconds)
        self.market.publish()

    def _process(self, name: str) -> Process:
        return Process(name, self.scheduler, self.random, self.trace.detail)

    def _customers(self) -> Customers:
        process, clock = self._process("customers"), ProcessClock(self.clock)
        market = self.market.follow(clock)
        database = ProcessDatabase(self.storage.gateway, process)
        ports = OrderPorts(
            clock=clock,
            market=market,
            quotes=quote_signer(self.random.randbytes, clock=clock),
            orders=PostgresOrderRepository(database, lambda: market.catalogue, batched=False),
            new_id=self.new_id,
            randomness=self.random.randbytes,
        )
        return Customers(
            process, ports, chains=self.chains, random=self.random, hostile=self.options.hostile
        )

    def _operator(self) -> Operator:
        """Return the operator. As the command does, it resolves orders with settlement's role."""
        process, clock = self._process("operator"), ProcessClock(self.clock)
        market = self.market.follow(clock)
        admin = ProcessDatabase(self.storage.admin, process)
        database = ProcessDatabase(self.storage.settlement, process)
        settlement = SettlementPorts(
            clock=clock,
            market=market,
            orders=PostgresSettlementOrderRepository(database, lambda: market.catalogue),
            new_id=self.new_id,
        )
        accounts = self.chains[ACCOUNTS]
        assert isinstance(accounts, AccountChain)
        return Operator(
            process,
            admin,
            database,
            settlement,
            orders=self.customers.orders,
            market=self.market,
            chain=accounts,
            hostile=self.options.hostile,
            random=self.random,
        )


def _chains(random: Random, now: Callable[[], datetime]) -> dict[str, Chain]:
    accounts = AccountChain(ACCOUNTS, coin="eth", random=random, now=now)
    outputs = OutputChain(OUTPUTS, coin="ltc", random=random, now=now)
    fund(outputs, "funding", (HOT_OUTPUT,) * HOT_OUTPUTS)
    chains: dict[str, Chain] = {ACCOUNTS: accounts, OUTPUTS: outputs}
    for chain in chains.values():
        for _ in range(DEEPEST + 1):  # what funded the hot wallet stays in its block
            chain.mine()
    return chains


def fund(chain: Chain, name: str, amounts: tuple[int, ...]) -> None:
    """Send amounts to the hot wallet of a chain of outputs, from nowhere."""
    funding = Tx(
        spends=frozenset({f"faucet/{name}"}),
        outputs=tuple((HOT, chain.coin, amount) for amount in amounts),
        price=chain.price,
        fee=0,
        sender=FUNDING,
    )
    chain.submit(funding)
