"""Durations, counted by their magnitude: recording one costs little enough for every call."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

FAST_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds: for calls, and what they wait for."""


class Durations:
    """How many durations were at most as long as each bound, in seconds, and their sum.

    For one thread. A process reads the counts at intervals and adds them to its metrics.
    """

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: Sequence[float] = FAST_BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def record(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    def take(self) -> tuple[Sequence[int], float]:
        """Return the counts by bound (the last one: above all bounds) and the sum; start again."""
        counts, seconds = self.counts, self.seconds
        self.counts, self.seconds = [0] * len(counts), 0.0
        return counts, seconds
