"""What happens between the intention to send something and its broadcast, and two who send."""

from typing import Final
from uuid import UUID

from persistence.postgres.chains.leases import LEASE_TIME
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.world.customers import CustomerOrder
from tests.simulation.world.processes import SettlementProcess
from tests.simulation.world.world import World

MAX_CALLS: Final = 60
"""Calls after which a round that has intended nothing is left where it is."""
MAX_RACED: Final = 400
TWO: Final = 2
LEASE_SECONDS: Final = LEASE_TIME.total_seconds() + 1
OTHERS: Final = ("lease", "watch")
STOPPED: Final = 0.4
"""How often a round is stopped at each call after it has intended something."""

DUE: Final = """
SELECT a.network FROM orders o JOIN assets a
  ON a.code = CASE o.state WHEN 'held' THEN o.source ELSE o.destination END
WHERE (o.state = 'paying_out' OR o.state = 'held' AND (o.choice = 'REFUND' OR EXISTS (
    SELECT FROM emergency_choices c WHERE c.order_id = o.id AND c.choice = 'REFUND')))
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)
ORDER BY o.state, o.id
"""

UNDER_WAY: Final = """
SELECT order_id FROM outflows
WHERE network = %s AND settled_at IS NULL AND broadcast_at IS NULL ORDER BY order_id
"""


class Rivals:
    """Decisions and deposits that overtake a payout or refund, and processes that race for one."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def overtake(self) -> str:
        """Stop a payout round after it has intended something, and change its order meanwhile."""
        random = self._world.random
        able = self._world.able_settlement()
        if not able:
            return "all are stopped"
        settlement: SettlementProcess = random.choice(able)
        due = [each for (each,) in self._world.storage.sql(DUE)]
        network = random.choice(due or (ACCOUNTS, OUTPUTS))
        await settlement.advance(f"lease {network}")
        one = await self._intended(settlement, network)
        if one is None:
            return f"{settlement.process.name} intends nothing on {network}"
        rival = random.choice((self._decide, self._pay, self._choose))
        return f"{settlement.process.name}, {one.name}: {await rival(one, settlement)}"

    async def race(self) -> str:
        """Let two processes pay out on one network, a call of either at a time, as the seed says.

        The lease of the first ends in its round, and the second takes it: both work on what is due.
        """
        random, able = self._world.random, self._world.able_settlement()
        if len(able) < TWO:
            return "one process runs"
        first, second = random.sample(able, TWO)
        due = [each for (each,) in self._world.storage.sql(DUE)]
        network = random.choice(due or (ACCOUNTS, OUTPUTS))
        await first.advance(f"lease {network}")
        if random.random() < 0.5:
            await self._intended(first, network)
        else:
            await first.advance(f"payouts {network}", calls=random.randint(1, 30))
        self._world.pass_time(LEASE_SECONDS)
        await self._world.tick()
        await second.advance(f"lease {network}")
        running = [(one, f"payouts {network}") for one in (first, second)]
        others = [(one, f"{name} {network}") for one in (first, second) for name in OTHERS]
        running += random.sample(others, random.randint(0, TWO))
        calls = await self._interleave(running)
        return f"{first.process.name} and {second.process.name} on {network}: {calls} calls"

    async def _interleave(self, running: list[tuple[SettlementProcess, str]]) -> int:
        """Let loops of processes make calls in turns that the seed chooses, each to its end."""
        for number in range(MAX_RACED):
            if not running:
                return number
            settlement, name = one = self._world.random.choice(running)
            if await settlement.advance(name, calls=1) != "in the middle":
                running.remove(one)
        return MAX_RACED

    async def _intended(self, settlement: SettlementProcess, network: str) -> CustomerOrder | None:
        """Let a payout round run until it has intended to send something to an order's customer."""
        random, found = self._world.random, list[UUID]()
        for _ in range(MAX_CALLS):
            result = await settlement.advance(f"payouts {network}", calls=1)
            found = [each for (each,) in self._world.storage.sql(UNDER_WAY, network)]
            if result != "in the middle" or (found and random.random() < STOPPED):
                break
        orders = [one for one in self._world.customers.orders if one.order.id in found]
        return random.choice(orders) if orders else None

    async def _decide(self, one: CustomerOrder, _: SettlementProcess) -> str:
        return await self._world.operator.interfere(one)

    async def _choose(self, one: CustomerOrder, _: SettlementProcess) -> str:
        choice = self._world.random.choice(("EXCHANGE", "REFUND"))
        return f"customer {choice} {await self._world.customers.choose_for(one, choice)}"

    async def _pay(self, one: CustomerOrder, settlement: SettlementProcess) -> str:
        """Pay an order once more; its chain mines, and the same process processes the blocks."""
        network = one.order.source.network
        paid = self._world.customers.pay_again(one)
        for _ in range(self._world.random.choice((1, 2, 3))):
            self._world.chains[network].mine()
        watched = await settlement.advance(f"watch {network}")
        return f"{paid}; watch {watched}"
