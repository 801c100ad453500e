"""Prometheus metrics, summed over the worker processes of one server."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from domain.partners.weights import Call

PUBLISH_SECONDS: Final = 0.25

_calls = Counter("swapgate_calls", "Calls of /v1 by endpoint and response code.", ("call", "code"))
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
_unpublished: dict[tuple[Call, int], int] = {}


def count_call(call: Call, code: int) -> None:
    """Count a call by its response code; `publish_counts` adds it to the metrics."""
    _unpublished[call, code] = _unpublished.get((call, code), 0) + 1


def publish_counts() -> None:
    """Add the counts since the previous call to the metrics."""
    for (call, code), count in _unpublished.items():
        _calls.labels(call.value, str(code)).inc(count)
    _unpublished.clear()


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


async def keep_publishing(is_ready: Callable[[], bool]) -> None:
    """Publish at intervals, forever: incrementing a shared counter takes as long as a quote."""
    while True:
        await asyncio.sleep(PUBLISH_SECONDS)
        publish_counts()
        _ready.set(is_ready())


def worker_registry() -> CollectorRegistry:
    """Return a registry of the sums over all workers (PROMETHEUS_MULTIPROC_DIR)."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest(worker_registry())
