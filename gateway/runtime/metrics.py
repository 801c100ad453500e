"""Prometheus metrics of the API, aggregated over the worker processes of one server."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from domain.measurements import FAST_BOUNDS, Durations
from domain.partners.weights import Call
from gateway.runtime.histograms import Source

PUBLISH_SECONDS: Final = 0.25

_calls = Counter("swapgate_calls", "Calls of /v1 by endpoint and response code.", ("call", "code"))
_call_seconds = Histogram(
    "swapgate_call_seconds",
    "Duration of calls of /v1, from the complete request to the complete response.",
    ("call", "code"),
    buckets=FAST_BOUNDS,
)
_admissions = Counter(
    "swapgate_admissions",
    "Signed calls by what authentication and admission decided; one may be checked again.",
    ("outcome",),
)
VALKEY: Final = Histogram(
    "swapgate_valkey_seconds",
    "Duration of calls of Valkey: of admissions, which several API calls share, and of others.",
    ("operation",),
    buckets=FAST_BOUNDS,
)
_rates_age = Gauge(
    "swapgate_rates_age_seconds",
    "Age of the rates that a worker quotes from, of the worker with the oldest.",
    multiprocess_mode="livemax",
)
_connections = Gauge(
    "swapgate_connections", "Open connections of clients.", multiprocess_mode="livesum"
)
_connections_closed = Counter(
    "swapgate_connections_closed", "Connections closed by a limit, by the limit.", ("reason",)
)
_killed_workers = Counter(
    "swapgate_workers_killed", "Workers that did not respond, and were killed and replaced."
)
_ready = Gauge("swapgate_ready", "Workers that are ready for calls.", multiprocess_mode="livesum")


class CallTimes:
    """The durations of an endpoint's calls in this worker, by response code."""

    def __init__(self, call: Call) -> None:
        self._call = call.value
        self._by_code: dict[int, Durations] = {}
        self._published: dict[int, tuple[Source, Counter]] = {}
        self.succeeded = self.of(0)

    def of(self, code: int) -> Durations:
        """Return the durations of the calls with a response code."""
        durations = self._by_code.get(code)
        if durations is None:
            durations = self._by_code[code] = Durations()
            labels = (self._call, str(code))
            source = Source(_call_seconds, labels, durations)
            self._published[code] = source, _calls.labels(*labels)
        return durations

    def publish(self) -> None:
        """Add what was recorded since the last time to the metrics."""
        for source, calls in self._published.values():
            count = source.publish()
            if count:
                calls.inc(count)


_call_times: dict[Call, CallTimes] = {}


def times_of(call: Call) -> CallTimes:
    """Return the durations of an endpoint's calls, to record them; `publish_calls` adds them up."""
    times = _call_times.get(call)
    if times is None:
        times = _call_times[call] = CallTimes(call)
    return times


def publish_calls() -> None:
    """Add the calls since the last time to the metrics."""
    for times in _call_times.values():
        times.publish()


def count_admissions(outcomes: Mapping[str, int]) -> None:
    """Count signed calls by what authentication and admission decided."""
    for outcome, count in outcomes.items():
        child = _admissions.labels(outcome)
        if count:
            child.inc(count)


def report_rates_age(seconds: float) -> None:
    """Set the age of this worker's rates; infinite without any."""
    _rates_age.set(seconds)


def report_connections(opened: int, closed: Mapping[str, int]) -> None:
    """Set the number of this worker's connections; count those that a limit closed, by limit."""
    _connections.set(opened)
    for reason, count in closed.items():
        _connections_closed.labels(reason).inc(count)


def count_killed_worker() -> None:
    """Count a worker that was killed because it did not respond."""
    _killed_workers.inc()


def forget_dead_workers() -> None:
    """Remove the gauges of workers that have ended, when one is started in their place."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(directory).glob("gauge_live*.db") if directory else ():
        pid = file.stem.rpartition("_")[2]
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


async def keep_publishing(
    is_ready: Callable[[], bool], publishers: Sequence[Callable[[], None]]
) -> None:
    """Publish at intervals, forever: incrementing a shared counter takes as long as a quote."""
    while True:
        await asyncio.sleep(PUBLISH_SECONDS)
        publish_calls()
        for publish in publishers:
            publish()
        _ready.set(is_ready())


def worker_registry() -> CollectorRegistry:
    """Return a registry of the sums over all workers (PROMETHEUS_MULTIPROC_DIR)."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest(worker_registry())
