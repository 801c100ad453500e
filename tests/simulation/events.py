"""What can happen at a step, and how often: the seed chooses."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tests.simulation.chains.account_chain import GWEI
from tests.simulation.chains.chain import DEEPEST
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.chains.nodes import Fault, NodeState
from tests.simulation.chains.output_chain import FEE_RATE
from tests.simulation.rivals import Rivals
from tests.simulation.world.scheduling import MAX_CALLS
from tests.simulation.world.world import World

if TYPE_CHECKING:
    from tests.simulation.world.processes import SettlementProcess

Act = Callable[[], Awaitable[str]]

SPIKE: Final = {ACCOUNTS: 40, OUTPUTS: 400}
"""How many times the usual price a spike costs: far more than the usual network fee."""
FAULTS: Final = (
    *(Fault.DOWN, Fault.LAGS, Fault.LAGS, Fault.LIES, Fault.FOREIGN, Fault.FORGETS),
    Fault.TRACES_NOTHING,
)
USUAL: Final = {ACCOUNTS: 20 * GWEI, OUTPUTS: FEE_RATE}
RENEWED: Final = 0.8
"""How often a lease is renewed right before a payout round: both loops run every few seconds."""
LOOP_WEIGHTS: Final = {
    "watch": 5,
    "payouts": 5,
    "choices": 2,
    "expiry": 1,
    "accrual": 1,
    "lease": 2,
    "estimate": 1,
    "reuse": 1,
}


class Events:
    """Everything that can happen in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        customers, operator, rivals = world.customers, world.operator, Rivals(world)
        self._events: dict[tuple[str, str], tuple[int, Act]] = {
            ("settlement", "works"): (90, self._work),
            ("settlement", "is overtaken"): (10, rivals.overtake),
            ("settlement", "races"): (8, rivals.race),
            ("chain", "mines"): (34, self._mine),
            ("customer", "opens"): (12, customers.open),
            ("customer", "pays"): (20, customers.pay),
            ("customer", "pays after the end"): (5, customers.pay_late),
            ("customer", "replaces"): (5, customers.replace),
            ("customer", "chooses"): (8, customers.choose),
            ("customer", "deletes"): (2, customers.delete),
            ("operator", "commands"): (14, operator.act),
            ("chain", "reorganizes"): (4, self._reorganize),
            ("chain", "drops from its mempool"): (3, self._evict),
            ("chain", "changes its price"): (4, self._price),
            ("node", "changes"): (6, self._fault),
            ("market", "moves"): (4, self._move),
            ("market", "fails or recovers"): (1, self._rates),
            ("settlement", "is killed"): (4, self._kill),
            ("settlement", "is stopped or resumed"): (3, self._stop),
            ("clock", "jumps"): (1, self._jump),
        }

    def choose(self) -> tuple[str, str, Act]:
        """Return who does what next."""
        weights = [weight for weight, _ in self._events.values()]
        (who, what), (_, act) = self._world.random.choices(
            list(self._events.items()), weights=weights
        )[0]
        return who, what, act

    async def _work(self) -> str:
        """Let some loops of one process run, each to its end or for a few calls."""
        world, random = self._world, self._world.random
        able = world.able_settlement()
        if not able:
            return "all are stopped"
        one = random.choice(able)
        names = list(one.rounds)
        weights = [LOOP_WEIGHTS[name.split()[0]] for name in names]
        results = []
        for name in random.choices(names, weights=weights, k=random.choice((1, 2, 3))):
            calls = MAX_CALLS if random.random() < 0.65 else random.randint(1, 25)
            if name.startswith("payouts") and random.random() < RENEWED:
                lease = name.replace("payouts", "lease")
                results.append(f"{lease}: {await one.advance(lease)}")
            results.append(f"{name}: {await one.advance(name, calls=calls)}")
        return f"{one.process.name} {'; '.join(results)}"

    async def _mine(self) -> str:
        world, random = self._world, self._world.random
        world.pass_time(random.choice((5, 15, 15, 60, 150)))
        chain = world.chains[random.choice((ACCOUNTS, OUTPUTS))]
        blocks = random.choice((1, 1, 2, 3))
        for _ in range(blocks):
            chain.mine(empty=random.random() < 0.1)
        return f"{blocks} blocks of {chain.network}, height {chain.tip.height}"

    async def _reorganize(self) -> str:
        random = self._world.random
        chain = self._world.chains[random.choice((ACCOUNTS, OUTPUTS))]
        depth = random.choice((1, 1, 1, 2, DEEPEST))
        shallow = {tx.id for block in list(chain.heights(chain.best))[-1:] for tx in block.txs}
        drop = shallow if depth == 1 and random.random() < 0.5 else set()
        customers = {one for one in drop if chain.known[one].sender.startswith("customer")}
        chain.reorganize(depth, drop=frozenset(customers))
        return f"{chain.network} by {depth}, height {chain.tip.height}, drops {len(customers)}"

    async def _evict(self) -> str:
        chain = self._world.chains[self._world.random.choice((ACCOUNTS, OUTPUTS))]
        if not chain.mempool:
            return "nothing pending"
        tx_id = self._world.random.choice(sorted(chain.mempool))
        chain.evict(tx_id)
        return f"{chain.network} {tx_id[:8]}"

    async def _price(self) -> str:
        random = self._world.random
        network = random.choice((ACCOUNTS, OUTPUTS))
        chain = self._world.chains[network]
        factor = random.choice((0.5, 1, 1, 2, 5, SPIKE[network]))
        chain.price = int(USUAL[network] * factor)
        return f"{network} {factor} x"

    async def _fault(self) -> str:
        """Break a node, or repair it. One node of a chain is broken at a time."""
        random = self._world.random
        network = random.choice((ACCOUNTS, OUTPUTS))
        nodes = list(self._world.nodes[network].values())
        broken = [one for one in nodes if one.fault is not Fault.NONE]
        if broken:
            for one in broken:
                one.fault = Fault.NONE
            return f"{network}: {broken[0].name} is repaired"
        node: NodeState = random.choice(nodes)
        if random.random() < 0.2:
            node.lost_responses += 1
            return f"{network}: {node.name} loses a response"
        node.fault = random.choice(FAULTS)
        return f"{network}: {node.name} {node.fault.value}"

    async def _move(self) -> str:
        world = self._world
        world.market.move(at_most=world.random.choice((0.01, 0.05, 0.3)))
        world.market.publish()
        return ", ".join(f"{coin} {price // 10**16}" for coin, price in world.market.prices.items())

    async def _rates(self) -> str:
        market = self._world.market
        market.is_published = not market.is_published
        market.publish()
        return "published" if market.is_published else "missing"

    async def _kill(self) -> str:
        """Kill a process where it is, or after some more calls, or with a call under way."""
        random = self._world.random
        able = [one for one in self._world.settlement if one.may_run]
        if not able:
            return "none runs"
        one: SettlementProcess = random.choice(able)
        name = random.choice(list(one.rounds))
        if random.random() < 0.8:
            await one.advance(name, calls=random.randint(1, 30))
        if random.random() < 0.5 and one.process.is_alive:
            one.process.killed_after_call = True
            await one.advance(name, calls=random.randint(1, 10))
        one.process.kill()
        return f"{one.process.name} in {name}"

    async def _stop(self) -> str:
        stopped = [one for one in self._world.settlement if one.is_stopped]
        if stopped:
            stopped[0].is_stopped = False
            return f"{stopped[0].process.name} resumes"
        if not self._world.settlement:
            return "none runs"
        one = self._world.random.choice(self._world.settlement)
        one.is_stopped = True
        return f"{one.process.name} is stopped"

    async def _jump(self) -> str:
        seconds = self._world.random.choice((600, 3_600, 90_000))
        self._world.pass_time(seconds)
        return f"{seconds} s"
