"""Rate limiter of unsigned requests: a number per client address and minute."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from domain.clock import Clock
from domain.errors import RateLimited, Unavailable

MINUTE: Final = 60
SHARE_SECONDS: Final = 0.25
MAX_ADDRESSES: Final = 50_000

Counts = Mapping[tuple[str, int], int]
"""Calls by (address, minute since the epoch)."""

ShareCounts = Callable[[Counts], Awaitable[Counts]]
"""Adds counts to those that all workers share, and returns the totals; raises Unavailable."""


class _Window(msgspec.Struct):
    """The calls of an address in the current minute and in the previous one."""

    minute: int
    current: int = 0
    previous: int = 0


class RateLimiter:
    """Counts calls in this worker, and exchanges counts with the other workers at intervals.

    No call waits for I/O. Between two exchanges a worker does not know of the others' calls, so a
    burst over several workers may slightly exceed the limit. While Valkey is unavailable each
    worker counts alone. The sliding minute is approximated by the current minute and the remaining
    share of the previous one.
    """

    def __init__(self, *, per_minute: int, clock: Clock, share: ShareCounts) -> None:
        """Admit `per_minute` calls of an address; 0 admits all."""
        self._limit = per_minute
        self._clock = clock
        self._share = share
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._unshared: Counter[tuple[str, int]] = Counter()

    def admit(self, address: str) -> None:
        """Count a call; raise RateLimited if its address has made too many."""
        if self._limit == 0:
            return
        time = self._clock.now().timestamp()
        minute, second = divmod(time, MINUTE)
        window = self._window(address, int(minute))
        if window.previous * (1 - second / MINUTE) + window.current + 1 > self._limit:
            raise RateLimited(self._retry_after(window, second))
        window.current += 1
        self._unshared[address, window.minute] += 1

    async def keep_sharing(self) -> None:
        """Exchange counts at intervals, forever."""
        while True:
            await self.share()
            await asyncio.sleep(SHARE_SECONDS)

    async def share(self) -> None:
        """Share the calls counted since the previous exchange, and adopt the totals."""
        unshared, self._unshared = self._unshared, Counter()
        try:
            totals = await self._share(unshared) if unshared else {}
        except Unavailable:
            return  # they remain counted in this worker
        for (address, minute), total in totals.items():
            window = self._windows.get(address)
            if window is None:
                continue
            if window.minute == minute:
                window.current = max(window.current, total + self._unshared[address, minute])
            elif window.minute == minute + 1:
                window.previous = max(window.previous, total)

    def _window(self, address: str, minute: int) -> _Window:
        window = self._windows.get(address)
        if window is None:
            window = self._windows[address] = _Window(minute)
            if len(self._windows) > MAX_ADDRESSES:
                self._windows.popitem(last=False)
        elif window.minute != minute:
            window.previous = window.current if window.minute == minute - 1 else 0
            window.minute, window.current = minute, 0
            self._windows.move_to_end(address)
        return window

    def _retry_after(self, window: _Window, second: float) -> int:
        """Return after how many whole seconds a call is admitted if none is made in between."""
        room = self._limit - 1
        if window.current <= room:  # once enough of the previous minute has left the window
            wait = MINUTE * (1 - (room - window.current) / window.previous) - second
        else:
            wait = MINUTE - second + MINUTE * (1 - room / window.current)
        return max(math.ceil(wait), 1)
