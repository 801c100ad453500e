"""A guard against floods of unsigned quotes: so many a minute for each client address."""

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
"""Adds to the counts that all workers share and returns the sums; raises Unavailable."""


class _Seen(msgspec.Struct):
    """Calls of one address: in this minute, and in the one before."""

    minute: int
    now: int = 0
    before: int = 0


class RateLimiter:
    """Counts calls here, and four times a second shares the counts with the other workers.

    No call waits for anything: between two exchanges a worker knows of the others' calls only up
    to the last, so that bursts over several workers may exceed the limit a little. Without Valkey
    each worker counts alone. A sliding minute is taken as this minute and a share of the last.
    """

    def __init__(self, *, per_minute: int, clock: Clock, share: ShareCounts) -> None:
        """Let `per_minute` calls of an address pass; 0 lets all pass."""
        self._limit = per_minute
        self._clock = clock
        self._share = share
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._fresh: Counter[tuple[str, int]] = Counter()

    def admit(self, address: str) -> None:
        """Count a call; raise RateLimited where its address has made too many."""
        if self._limit == 0:
            return
        time = self._clock.now().timestamp()
        minute, second = divmod(time, MINUTE)
        seen = self._of(address, int(minute))
        if seen.before * (1 - second / MINUTE) + seen.now + 1 > self._limit:
            raise RateLimited(self._wait(seen, second))
        seen.now += 1
        self._fresh[address, seen.minute] += 1

    async def keep_sharing(self) -> None:
        """Share for ever."""
        while True:
            await self.share()
            await asyncio.sleep(SHARE_SECONDS)

    async def share(self) -> None:
        """Tell the other workers of this one's calls since the last time, and learn of theirs."""
        fresh, self._fresh = self._fresh, Counter()
        try:
            sums = await self._share(fresh) if fresh else {}
        except Unavailable:
            return  # what was counted here stays counted here
        for (address, minute), total in sums.items():
            seen = self._seen.get(address)
            if seen is None:
                continue
            if seen.minute == minute:
                seen.now = max(seen.now, total + self._fresh[address, minute])
            elif seen.minute == minute + 1:
                seen.before = max(seen.before, total)

    def _of(self, address: str, minute: int) -> _Seen:
        seen = self._seen.get(address)
        if seen is None:
            seen = self._seen[address] = _Seen(minute)
            if len(self._seen) > MAX_ADDRESSES:
                self._seen.popitem(last=False)
        elif seen.minute != minute:
            seen.before = seen.now if seen.minute == minute - 1 else 0
            seen.minute, seen.now = minute, 0
            self._seen.move_to_end(address)
        return seen

    def _wait(self, seen: _Seen, second: float) -> int:
        """Return after how many whole seconds a call would pass, if none came meanwhile."""
        room = self._limit - 1
        if seen.now <= room:  # this minute has room as soon as enough of the last has aged out
            wait = MINUTE * (1 - (room - seen.now) / seen.before) - second
        else:
            wait = MINUTE - second + MINUTE * (1 - room / seen.now)
        return max(math.ceil(wait), 1)
