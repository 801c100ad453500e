"""Prometheus histograms of durations that were counted without the library's locks and files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from prometheus_client import Histogram

from domain.measurements import FAST_BOUNDS, Durations

DATABASE_WAIT: Final = Histogram(
    "swapgate_database_wait_seconds",
    "Waits of statements for a free connection of a pool.",
    ("pool",),
    buckets=FAST_BOUNDS,
)


class Source:
    """Durations that one process counts for one child of a histogram."""

    def __init__(self, histogram: Histogram, labels: Sequence[str], durations: Durations) -> None:
        self._child = histogram.labels(*labels)
        self._durations = durations

    def publish(self) -> int:
        """Add what was counted since the last time to the histogram; return how many there were.

        `observe` would take longer for each duration than a quote takes. What it adds to, by the
        index of the bucket, is the only way to add several at once.
        """
        counts, seconds = self._durations.take()
        total = sum(counts)
        if total:
            child = self._child
            for bucket, count in zip(child._buckets, counts, strict=True):  # noqa: SLF001  see above
                if count:
                    bucket.inc(count)
            child._sum.inc(seconds)  # noqa: SLF001  see above
        return total


def publisher(histogram: Histogram, durations: Mapping[str, Durations]) -> Callable[[], None]:
    """Return what publishes durations in a histogram, by the value of its one label."""
    sources = [Source(histogram, [label], one) for label, one in durations.items()]

    def publish() -> None:
        for source in sources:
            source.publish()

    return publish
