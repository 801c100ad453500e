"""Compares the last part of a soak with its second one: what has grown."""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tests.load.record import Call, Kind
from tests.soak.samples import Sample

PARTS: Final = 8
"""Of a soak, which are hours if it takes eight. The first one fills caches and pools."""
MAX_GROWTH: Final = 1.05
SPARE: Final = 2.0
"""Files, connections or megabytes by which small values may grow besides."""

Interval = tuple[float, float]


class Growth(msgspec.Struct, frozen=True, rename="camel"):
    """Medians of a value in the second and in the last part."""

    name: str
    second: float
    last: float

    @property
    def is_within(self) -> bool:
        """Whether it has not grown by more than it may."""
        return self.last <= max(self.second * MAX_GROWTH, self.second + SPARE)


def part(period: Interval, number: int) -> Interval:
    """Return when a part of a period began and ended; the last one has the number -1."""
    start, end = period
    length = (end - start) / PARTS
    index = number % PARTS
    return start + index * length, start + (index + 1) * length


def growth_of_samples(samples: Sequence[Sample], period: Interval) -> list[Growth]:
    """Return the growth of everything that was sampled. Raises ValueError if a part has none."""
    second = _medians(samples, part(period, 1))
    last = _medians(samples, part(period, -1))
    return [Growth(name, second[name], last[name]) for name in second]


def growth_of_latency(
    calls: Iterable[Call], period: Interval, restarts: Collection[Interval]
) -> list[Growth]:
    """Return the growth of each kind's 99th percentile in ms, of calls beside restarts.

    Raises ValueError if a part has no call of a kind.
    """
    regular = [
        call
        for call in calls
        if call.code == 0
        and not any(start <= call.received_at and call.sent_at <= end for start, end in restarts)
    ]
    second, last = (_percentiles(regular, part(period, number)) for number in (1, -1))
    return [Growth(f"p99 of {kind}, ms", second[kind], last[kind]) for kind in second]


def _medians(samples: Sequence[Sample], within: Interval) -> Mapping[str, float]:
    start, end = within
    found = [one.values for one in samples if start <= one.at < end]
    if not found:
        raise ValueError("there is a part of the soak without a sample")
    return {name: round(statistics.median(one[name] for one in found), 1) for name in found[0]}


def _percentiles(calls: Sequence[Call], within: Interval) -> Mapping[Kind, float]:
    start, end = within
    found: dict[Kind, list[float]] = {kind: [] for kind in Kind}
    for call in calls:
        if start <= call.received_at < end:
            found[call.kind].append((call.received_at - call.sent_at) * 1000)
    if not all(found.values()):
        raise ValueError("there is a part of the soak without a call of a kind")
    return {kind: round(sorted(times)[len(times) * 99 // 100], 1) for kind, times in found.items()}
