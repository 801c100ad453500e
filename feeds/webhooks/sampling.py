"""Samples the outbox and the queue at intervals, for the metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from domain.clock import Clock
from domain.webhooks.health import OutboxStats
from feeds.loop import run_forever
from feeds.webhooks.metrics import EVENTS, OLDEST_DUE, OPEN_CIRCUITS, QUEUE_DEPTH
from feeds.webhooks.ports import Queue

SAMPLE_SECONDS: Final = 5.0


async def run_sampling(
    *,
    read_stats: Callable[[], Awaitable[OutboxStats]],
    queue: Queue,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Keep the gauges up to date until `stop`."""

    async def sample() -> float:
        stats = await read_stats()
        EVENTS.labels("due").set(stats.due)
        EVENTS.labels("waiting").set(stats.scheduled)
        EVENTS.labels("queued").set(stats.queued)
        EVENTS.labels("kept_back").set(stats.blocked)
        OPEN_CIRCUITS.set(stats.open_circuit_breakers)
        since = stats.oldest_due_at
        OLDEST_DUE.set(max(0.0, (clock.now() - since).total_seconds()) if since else 0.0)
        QUEUE_DEPTH.set(await queue.length())
        return SAMPLE_SECONDS

    await run_forever(sample, name="webhook gauges", stop=stop)
