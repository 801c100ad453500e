"""Rate limiter of unsigned calls: numbers per source and time, exact over all workers."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from domain.clock import Clock
from domain.errors import RateLimited, Unavailable
from domain.partners.unsigned_limits import MINUTE, Bound, Bounds, Count, Sources, UnsignedLimits

MAX_COUNTERS: Final = 50_000
"""Counters, and sources with calls granted in advance, that a worker stores."""
MAX_WAIT_SECONDS: Final = 0.5
ALONE_SECONDS: Final = 1.0
"""How long a worker counts alone before it tries Valkey again."""

Reserve = Callable[[Bounds, int, float], Awaitable[tuple[int, Sequence[Count]]]]
"""Counts up to a number of calls at a time; raises Unavailable.

Returns how many were admitted, and what each bound's counters contain then. Fewer than wanted, but
not none, may be admitted although more would be next.
"""


class _Lease(msgspec.Struct):
    """Calls of a source that are counted already and may be made in a minute without asking."""

    minute: int
    calls: int


class RateLimiter:
    """Admits calls that are counted in Valkey, all bounds of a call in one step.

    Calls of a source that arrive together share a round trip, and each grants a few calls in
    advance; none is needed to reject a source that is known to have reached a limit. While Valkey
    is unavailable each worker counts alone.
    """

    def __init__(self, limits: UnsignedLimits, *, clock: Clock, reserve: Reserve) -> None:
        self._limits = limits
        self._clock = clock
        self._reserve = reserve
        self._counts: OrderedDict[str, Count] = OrderedDict()
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._rounds: set[asyncio.Task[None]] = set()
        self._alone_until = 0.0

    async def admit(self, sources: Sources) -> None:
        """Count a call; raise RateLimited if its sources, or all together, have made too many."""
        time = self._clock.now().timestamp()
        name = sources[0].name
        lease = self._leases.get(name)
        if lease is not None and lease.calls and lease.minute == time // MINUTE:
            lease.calls -= 1
            return
        bounds = self._limits.bounds(sources)
        if not bounds.own and not bounds.shared:
            return
        self._check_known(bounds, time)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if name in self._waiting:
            self._waiting[name].append(granted)
        else:
            self._waiting[name] = [granted]
            task = asyncio.create_task(self._reserve_for(name, bounds))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)
        await granted

    async def _reserve_for(self, name: str, bounds: Bounds) -> None:
        """Reserve for all waiting calls of a source, until none is waiting."""
        while waiting := self._waiting[name]:
            self._waiting[name] = []
            time = self._clock.now().timestamp()
            admitted = await self._count(bounds, len(waiting) + bounds.lease, time)
            for future in waiting[:admitted]:
                if not future.done():
                    future.set_result(None)
            self._waiting[name][:0] = waiting[admitted:] if admitted else ()
            for future in () if admitted else waiting:
                if not future.done():
                    future.set_exception(RateLimited(self._retry_after(bounds, time)))
            if admitted > len(waiting):
                self._leases[name] = _Lease(int(time // MINUTE), admitted - len(waiting))
                self._leases.move_to_end(name)
                if len(self._leases) > MAX_COUNTERS:
                    self._leases.popitem(last=False)
        del self._waiting[name]

    async def _count(self, bounds: Bounds, wanted: int, time: float) -> int:
        """Return how many of the calls are admitted."""
        if time >= self._alone_until:
            try:
                async with asyncio.timeout(MAX_WAIT_SECONDS):
                    admitted, counts = await self._reserve(bounds, wanted, time)
            except (Unavailable, TimeoutError):
                self._alone_until = time + ALONE_SECONDS
            else:
                self._adopt(bounds, counts, admitted=admitted, time=time)
                return admitted
        return self._count_alone(bounds, wanted, time)

    def _count_alone(self, bounds: Bounds, wanted: int, time: float) -> int:
        known = [(one, *self._known(one, time)) for one in self._applicable(bounds, time)]
        if len(known) < len(bounds.every):
            wanted = 1
        admitted = min(wanted, *(count.admits(bound, left=left) for bound, count, left in known))
        for _, count, _ in known:
            count.current += admitted
        return admitted

    def _check_known(self, bounds: Bounds, time: float) -> None:
        """Raise RateLimited if a bound is reached by what this worker knows."""
        for bound in self._applicable(bounds, time):
            count, left = self._known(bound, time)
            if not count.admits(bound, left=left):
                raise RateLimited(self._retry_after(bounds, time))

    def _retry_after(self, bounds: Bounds, time: float) -> int:
        known = [(one, *self._known(one, time)) for one in self._applicable(bounds, time)]
        return max(
            count.retry_after(bound, left=left)
            for bound, count, left in known
            if not count.admits(bound, left=left)
        )

    def _applicable(self, bounds: Bounds, time: float) -> tuple[Bound, ...]:
        own = (self._known(one, time)[0] for one in bounds.own)
        if any(count.current or count.previous for count in own):
            return bounds.every
        return bounds.own + bounds.shared

    def _known(self, bound: Bound, time: float) -> tuple[Count, float]:
        """Return what this worker knows of a bound's counters, and what is left of its window."""
        window, left = bound.window(time)
        name = f"{bound.key}:{bound.seconds}"
        count = self._counts.get(name)
        if count is None:
            count = self._counts[name] = Count(window)
            if len(self._counts) > MAX_COUNTERS:
                self._counts.popitem(last=False)
        elif count.window != window:
            previous = count.current if count.window == window - 1 else 0
            count.window, count.current, count.previous = window, 0, previous
            self._counts.move_to_end(name)
        return count, left

    def _adopt(
        self, bounds: Bounds, counts: Sequence[Count], *, admitted: int, time: float
    ) -> None:
        """Adopt shared counters, and add the calls to what is known if Valkey has lost them."""
        own = counts[: len(bounds.own)]
        is_new = all(one.current == admitted and not one.previous for one in own)
        charged = len(bounds.own) + len(bounds.shared) if is_new else len(counts)
        for index, (bound, shared) in enumerate(zip(bounds.every, counts, strict=True)):
            known, _ = self._known(bound, time)
            added = admitted if index < charged else 0
            if known.window == shared.window:
                known.current = max(known.current + added, shared.current)
                known.previous = max(known.previous, shared.previous)
