"""Metrics for Prometheus, summed over the worker processes of one server."""

import asyncio
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from domain.partners.weights import Call

PUBLISH_SECONDS: Final = 0.25

_calls = Counter("swapgate_calls", "Calls of /v1 by endpoint and answer code.", ("call", "code"))
_fresh: dict[tuple[Call, int], int] = {}


def count_call(call: Call, code: int) -> None:
    """Count an answered call; `publish_counts` adds it to the metrics."""
    _fresh[call, code] = _fresh.get((call, code), 0) + 1


def publish_counts() -> None:
    """Add what was counted since the last time."""
    for (call, code), count in _fresh.items():
        _calls.labels(call.value, str(code)).inc(count)
    _fresh.clear()


async def keep_publishing() -> None:
    """Publish for ever: counting into a file that processes share takes as long as a quote."""
    while True:
        await asyncio.sleep(PUBLISH_SECONDS)
        publish_counts()


def worker_registry() -> CollectorRegistry:
    """Return a registry that sums over the workers, as PROMETHEUS_MULTIPROC_DIR has them."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(worker_registry())
