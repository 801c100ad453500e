"""What a worker of `serve` has measured, published as metrics: Valkey, admission and the rates.

Other processes must not import it: they would export the metrics of the API too, as 0.
"""

from collections.abc import Callable, Mapping

from domain.measurements import Durations
from gateway.runtime.histograms import publisher
from gateway.runtime.metrics import VALKEY, count_admissions, report_rates_age
from gateway.wiring.connections import Connections


def valkey_publisher(durations: Mapping[str, Durations]) -> Callable[[], None]:
    """Return what publishes the durations of Valkey's calls, by operation."""
    return publisher(VALKEY, durations)


def admission_publisher(take: Callable[[], Mapping[str, int]]) -> Callable[[], None]:
    """Return what counts the outcomes of admission since the last time, which `take` returns."""
    return lambda: count_admissions(take())


def rates_publisher(connections: Connections) -> Callable[[], None]:
    """Return what sets the age of a worker's rates."""
    market, clock = connections.market, connections.clock

    def publish() -> None:
        snapshot = market.newest_snapshot()
        age = float("inf") if snapshot is None else (clock.now().timestamp() - snapshot.at)
        report_rates_age(max(age, 0.0))

    return publish
