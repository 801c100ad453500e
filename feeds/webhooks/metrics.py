"""What webhooks are measured by."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS: Final = Counter("swapgate_webhook_attempts", "Delivery attempts by outcome", ["outcome"])
LATENCY: Final = Histogram(
    "swapgate_webhook_latency_seconds",
    "How long attempts took, from connecting to the end of the answer",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
QUEUE_DEPTH: Final = Gauge(
    "swapgate_webhook_queue_depth", "Entries on the stream, read or not: of all workers together"
)
EVENTS: Final = Gauge(
    "swapgate_webhook_events",
    "Events that are due, waiting for a retry, queued, or kept back by an open circuit",
    ["state"],
)
OLDEST_DUE: Final = Gauge(
    "swapgate_webhook_oldest_due_seconds",
    "How long the oldest event has been due that nothing but us keeps back",
)
OPEN_CIRCUITS: Final = Gauge(
    "swapgate_webhook_open_circuits", "Endpoints that are left alone but for probes"
)
