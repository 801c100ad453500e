"""A settlement process: the real loops over the real database, a round at a time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from domain.actions.ledger.accrue_earnings import accrue_earnings
from domain.actions.orders.expire_orders import expire_due_orders
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.resolve_emergency import execute_choices
from domain.errors import Unavailable
from feeds.settlement.connect import ConnectedChains, connect_chains
from gateway.runtime.market import LiveMarket
from persistence.postgres.chains.attempts import PostgresAttemptRepository
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.leases import PostgresLeaseRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.chains.pay_in.reuse import PostgresAddressReuse
from persistence.postgres.market.network_fees import record_estimates
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from tests.simulation.chains.families import (
    ACCOUNTS,
    OUTPUTS,
    AccountFamily,
    OutputFamily,
    settings,
)
from tests.simulation.chains.nodes import NodeState
from tests.simulation.world.clock import ProcessClock
from tests.simulation.world.scheduling import MAX_CALLS, Process
from tests.simulation.world.storage import ProcessDatabase

if TYPE_CHECKING:
    from uuid import UUID

Round = Callable[[], Awaitable[object]]


class SettlementProcess:
    """One of the settlement processes, from its start until it is killed."""

    def __init__(
        self,
        process: Process,
        *,
        database: ProcessDatabase,
        clock: ProcessClock,
        market: LiveMarket,
        new_id: "Callable[[], UUID]",
        nodes: Mapping[str, Mapping[str, NodeState]],
    ) -> None:
        self.process = process
        self.clock = clock
        self.market = market
        self.is_stopped = False
        """Whether it is stopped (SIGSTOP): it resumes where it was, much later."""
        ports = SettlementPorts(
            clock=clock,
            market=market,
            orders=PostgresSettlementOrderRepository(database, lambda: market.catalogue),
            new_id=new_id,
        )
        chains = PostgresChainRepository(database, lambda: market.catalogue)
        connected = connect_chains(
            settings(),
            ports=ports,
            repository=chains,
            attempts=lambda lease: PostgresAttemptRepository(database, lease=lease),
            leases=PostgresLeaseRepository(database),
            outflows=lambda lease: PostgresOutflowRepository(
                database, lambda: market.catalogue, lease=lease
            ),
            holder=process.name,
            record_estimates=lambda estimates: record_estimates(database, estimates),
            address_reuse=PostgresAddressReuse(database),
            families={
                "evm": AccountFamily(process, nodes[ACCOUNTS]),
                "bitcoin": OutputFamily(process, nodes[OUTPUTS]),
            },
            monotonic=clock.monotonic,
        )
        self.rounds = _rounds(ports, connected)

    @property
    def may_run(self) -> bool:
        """Return whether it is neither stopped nor killed."""
        return self.process.is_alive and not self.is_stopped

    async def advance(self, name: str, *, calls: int = MAX_CALLS) -> str:
        """Let one loop make some calls; return what came of it.

        A loop may wait for something that is unavailable; any other error is a defect.
        """
        if not self.process.is_busy(name):
            self.process.start(name, _awaited(self.rounds[name]))
        if not await self.process.advance(name, calls=calls):
            return "in the middle"
        if not self.process.is_alive:
            return "killed"
        try:
            return f"done: {self.process.result(name)}"
        except Unavailable as reason:
            return f"waits: {reason}"


async def _awaited(work: Round) -> object:
    return await work()


def _rounds(ports: SettlementPorts, connected: ConnectedChains) -> dict[str, Round]:
    """Return every loop of the process by name."""
    rounds: dict[str, Round] = {
        "choices": lambda: execute_choices(ports, None),
        "expiry": lambda: expire_due_orders(ports),
        "accrual": lambda: accrue_earnings(ports),
    }
    for network, watch in connected.watches.items():
        rounds[f"watch {network}"] = watch.round
    for network, leadership in connected.leaderships.items():
        rounds[f"lease {network}"] = leadership.keep
    for network, payouts in connected.payouts.items():
        rounds[f"payouts {network}"] = payouts.round
    for network, reuse in connected.address_reuse.items():
        rounds[f"reuse {network}"] = reuse.round
    for network, estimates in connected.fee_estimates.items():
        rounds[f"estimate {network}"] = estimates.round
    return rounds
