"""Counters of unsigned calls in memory, shared by rate limiters that stand for several workers."""

from collections import Counter

from domain.errors import Unavailable
from domain.partners.unsigned_limits import Bounds, Count


class SharedCounters:
    """Counts calls like Valkey does, in all bounds of a call or in none."""

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, int, int]] = Counter()
        self.calls = 0
        self.unavailable = False

    async def reserve(self, bounds: Bounds, wanted: int, time: float) -> tuple[int, list[Count]]:
        self.calls += 1
        if self.unavailable:
            raise Unavailable
        counts, lefts = [], []
        for bound in bounds.every:
            window, left = bound.window(time)
            stored = [self.totals[bound.key, bound.seconds, one] for one in (window, window - 1)]
            counts.append(Count(window, *stored))
            lefts.append(left)
        is_returning = any(one.current + one.previous for one in counts[: len(bounds.own)])
        applied = len(counts) if is_returning else len(bounds.own) + len(bounds.shared)
        if applied < len(counts):
            wanted = 1
        numbered = list(zip(bounds.every, counts, lefts, strict=True))[:applied]
        admitted = min(wanted, *(one.admits(bound, left=left) for bound, one, left in numbered))
        for bound, one, _ in numbered:
            one.current += admitted
            self.totals[bound.key, bound.seconds, one.window] += admitted
        return admitted, counts
