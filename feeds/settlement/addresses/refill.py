"""Keeps the pool of pay-in addresses filled ahead of demand, by watch-only derivation."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from domain.chains.pay_in import IMPORTED, PayInAddress
from domain.chains.ports import AddressPool, StoredAccount
from domain.clock import Clock
from feeds.settlement.addresses.derivation import derive

MIN_TARGET: Final = 1_000
"""How many free addresses a network has without any demand: more than a sudden burst takes until
the next round."""
MAX_TARGET: Final = 5_000
COVERED_SECONDS: Final = 10
"""For how long a pool covers the highest demand of the last hours."""
DEMAND_HALVES_SECONDS: Final = 3_600
LOW_WATER: Final = 200
"""A network with fewer free addresses is refilled at once; an imported pool is reported."""
MIN_CHUNK: Final = 50
"""How many addresses a network gets at a time, so that every network has some soon."""
MAX_CHUNK: Final = 1_000
IDLE_CHUNK: Final = 20
"""How many addresses one network gets per round while there is no demand: hardly any load."""

LOGGED_INDEXES: Final = 1_000
"""How often the next index is logged: after a restore the log shows how many were derived."""

ToThread = Callable[..., Awaitable[list[PayInAddress]]]

log = structlog.get_logger()


class PoolAlarms:
    """Reports once that an imported pool is low, and again after it was filled in between."""

    def __init__(self) -> None:
        self._low: set[str] = set()

    def report(self, network: str, left: int) -> None:
        """Record how many free addresses are left."""
        if left >= LOW_WATER:
            self._low.discard(network)
        elif network not in self._low:
            self._low.add(network)
            log.error("imported pay-in addresses low", network=network, left=left)


class _Demand(msgspec.Struct):
    """What is known of a network: its next free address, its free ones, and addresses per second.

    `next_free` is None while no address is free, and -1 before it was read.
    """

    next_free: int | None = -1
    free: int = 0
    used: int = 0
    per_second: float = 0.0

    @property
    def target(self) -> int:
        """Return how many addresses should be free."""
        covered = math.ceil(self.per_second * COVERED_SECONDS)
        return min(max(covered, MIN_TARGET), MAX_TARGET)

    def counted(self, free: int, *, seconds: float) -> None:
        """Adopt the number of free addresses, counted so many seconds after the last time."""
        self.used = max(self.free - free, 0)
        self.free = free
        faded = self.per_second * 0.5 ** (seconds / DEMAND_HALVES_SECONDS)
        self.per_second = max(faded, self.used / seconds if seconds else 0.0)

    @property
    def missing(self) -> int:
        """Return how many addresses are to be added at once."""
        if self.free < LOW_WATER or self.used:
            return min(self.target - self.free, max(2 * self.used, MIN_CHUNK), MAX_CHUNK)
        return 0


class PoolRefill:
    """Adds addresses to the pools that orders have taken addresses from, before they are low.

    A round reads the next free address of each network, which is one step of an index, and counts
    the free ones only where that has changed. Creating an order does nothing for it.
    """

    def __init__(
        self,
        pool: AddressPool,
        *,
        clock: Clock,
        to_thread: ToThread,
        report: Callable[[str, int], None] = lambda _, __: None,
    ) -> None:
        """`report` is called with the number of free addresses of an imported pool.

        Derivation is pure computation, up to 2 ms per address: it runs in `to_thread`.
        """
        self._pool = pool
        self._clock = clock
        self._to_thread = to_thread
        self._report = report
        self._demand: dict[str, _Demand] = {}
        self._exhausted: dict[str, StoredAccount] = {}
        self._counted_at = clock.now()

    @property
    def free(self) -> Mapping[str, int]:
        """Return how many addresses of each network are free, counted up to its target."""
        return {network: demand.free for network, demand in self._demand.items()}

    async def round(self) -> int:
        """Refill the networks that need addresses; return how many were added to those.

        One of the others gets a few more, towards its target.
        """
        accounts = await self._pool.accounts()
        await self._count([one.account.network for one in accounts])
        added, idle = 0, None
        for stored in accounts:
            demand = self._demand[stored.account.network]
            if stored.account.kind == IMPORTED:
                self._report(stored.account.network, demand.free)
            elif demand.missing > 0:
                added += await self._add(stored, demand.missing)
            elif demand.free < demand.target:
                idle = stored
        if idle is not None and not added:
            await self._add(idle, IDLE_CHUNK)
        return added

    async def _count(self, networks: list[str]) -> None:
        heads = await self._pool.next_free()
        changed = {}
        for network in networks:
            demand = self._demand.setdefault(network, _Demand())
            demand.used = 0
            if heads.get(network) != demand.next_free or demand.free < LOW_WATER:
                demand.next_free = heads.get(network)
                changed[network] = demand.target
        if not changed:
            return
        now = self._clock.now()
        seconds, self._counted_at = (now - self._counted_at).total_seconds(), now
        free = await self._pool.count_free(changed)
        for network in changed:
            self._demand[network].counted(free.get(network, 0), seconds=seconds)

    async def _add(self, stored: StoredAccount, count: int) -> int:
        if self._exhausted.get(stored.account.network) == stored:
            return 0
        added = await add_addresses(self._pool, stored, count, to_thread=self._to_thread)
        self._demand[stored.account.network].free += added
        if not added:
            self._exhausted[stored.account.network] = stored
        return added


async def add_addresses(
    pool: AddressPool, stored: StoredAccount, count: int, *, to_thread: ToThread
) -> int:
    """Derive the next addresses of an account and add them to the pool; return how many."""
    derived = await to_thread(derive, stored.account, start=stored.next_index, count=count)
    if len(derived) < count:
        network = stored.account.network
        log.error("pay-in addresses exhausted", network=network, left=len(derived))
    next_index = stored.next_index + len(derived)
    if next_index // LOGGED_INDEXES > stored.next_index // LOGGED_INDEXES:
        log.info("pay-in addresses", network=stored.account.network, next_index=next_index)
    return await pool.add(stored, derived, indices=len(derived)) if derived else 0
