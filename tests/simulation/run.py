"""One run: steps that the seed chooses, the checks after each, and the quiet end."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from persistence.postgres.reconciliation.differences import differences
from tests.simulation.checks.books import Books, read_books
from tests.simulation.checks.coverage import coverage
from tests.simulation.checks.ending import AT_THE_END
from tests.simulation.checks.invariants import ALWAYS, Check, Truth, Violation, problems
from tests.simulation.events import Events
from tests.simulation.quiet import make_quiet
from tests.simulation.world.preparation import PreparedDatabase
from tests.simulation.world.trace import Trace
from tests.simulation.world.world import Options, World

STEPS: Final = 200

Event = Callable[[], Awaitable[str]]


class Run:
    """A run of one seed."""

    def __init__(self, prepared: PreparedDatabase, seed: int, options: Options) -> None:
        self.world = World(prepared, seed, options)
        self.events = Events(self.world)
        self._books: tuple[int, Books] | None = None
        self.ended: Counter[str] = Counter()
        """How many orders are in which state."""
        self.seen: Counter[str] = Counter()
        """How often what is to be tested happened (see checks/coverage.py)."""

    @property
    def trace(self) -> Trace:
        """Return what has happened so far."""
        return self.world.trace

    async def all(self, steps: int) -> None:
        """Take all steps, and end quietly; raise Violation."""
        self.world.storage.reset()
        await self.world.tick()
        for _ in range(self.world.processes):
            self.world.start_settlement()
        self.trace.add("operator", "begins", await self.world.operator.market.change_terms())
        for number in range(1, steps + 1):
            self.trace.step = number
            who, what, act = self.events.choose()
            self.trace.add(who, what, await act())
            await self.world.tick()
            self._check(ALWAYS)
        self.trace.step += 1
        await make_quiet(self.world, self._check)
        self._check((*ALWAYS, *AT_THE_END))
        self.seen = coverage(self._truth(self._read()))
        await self._reconcile()

    def _read(self) -> Books:
        """Return the books, read again only if a statement has run since."""
        statements = self.world.storage.statements
        if self._books is None or self._books[0] != statements:
            self._books = statements, read_books(self.world.storage)
        return self._books[1]

    def _check(self, checks: tuple[Check, ...]) -> None:
        world, books = self.world, self._read()
        states = {order.id: order.state for order in books.orders}
        for one in world.customers.orders:
            one.state = states[str(one.order.id)]
        self.ended = Counter(states.values())
        found = problems(self._truth(books), checks)
        if found:
            self.trace.add("checks", "violated", "; ".join(found))
            raise Violation("\n".join(found))

    def _truth(self, books: Books) -> Truth:
        world = self.world
        return Truth(
            world.chains,
            world.market.catalogue.assets,
            world.market.prices,
            books,
            {str(one.order.id): one.order for one in world.customers.orders},
            world.market.network_fees,
            world.operator.consented,
            world.storage.stale_writes,
        )

    async def _reconcile(self) -> None:
        """Compare everything that the database stores twice, as `swapgate reconcile` does."""
        world = self.world
        found = [one async for one in differences(world.storage.admin, world.market.catalogue)]
        if found:
            raise Violation(f"reconciliation: {found}")


async def simulate(
    prepared: PreparedDatabase, seed: int, *, options: Options, steps: int = STEPS
) -> tuple[Run, Exception | None]:
    """Make one run; return it, and what was wrong."""
    run = Run(prepared, seed, options)
    try:
        await run.all(steps)
    except Exception as error:  # noqa: BLE001  whatever it is, the seed replays it
        return run, error
    return run, None
