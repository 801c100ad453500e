"""Metrics for Prometheus, summed over the worker processes of one server."""

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from domain.weights import Call

_calls = Counter("swapgate_calls", "Calls of /v1 by endpoint and answer code.", ("call", "code"))
_successes = {call: _calls.labels(call.value, "0") for call in Call}


def count_call(call: Call, code: int) -> None:
    """Count an answered call."""
    if code == 0:
        _successes[call].inc()
    else:
        _calls.labels(call.value, str(code)).inc()


def worker_registry() -> CollectorRegistry:
    """Return a registry that sums over the workers, as PROMETHEUS_MULTIPROC_DIR has them."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(worker_registry())
