"""Prometheus metrics of webhook delivery."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS: Final = Counter("swapgate_webhook_attempts", "Delivery attempts by outcome", ["outcome"])
LATENCY: Final = Histogram(
    "swapgate_webhook_latency_seconds",
    "Duration of attempts, from connecting to the end of the response",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
DELIVERY_DELAY: Final = Histogram(
    "swapgate_webhook_delay_seconds",
    "Time from an event to its first attempt, without test events",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600),
)
QUEUE_DEPTH: Final = Gauge(
    "swapgate_webhook_queue_depth", "Entries on the stream, read or not, of all workers"
)
EVENTS: Final = Gauge(
    "swapgate_webhook_events",
    "Events that are due, waiting for a retry, queued, or kept back by an open circuit breaker",
    ["state"],
)
OLDEST_DUE: Final = Gauge(
    "swapgate_webhook_oldest_due_seconds",
    "Age of the oldest due event that no circuit breaker blocks",
)
OLDEST_UNDELIVERED: Final = Gauge(
    "swapgate_webhook_oldest_undelivered_seconds",
    "Age of the oldest event that is neither delivered nor dead, and that no breaker blocks",
)
OPEN_CIRCUITS: Final = Gauge(
    "swapgate_webhook_open_circuits", "Endpoints whose circuit breaker is open"
)
