"""Samples the outbox and the queue at intervals, for the metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from domain.clock import Clock
from domain.webhooks.health import OutboxStats
from feeds.loop import run_forever
from feeds.webhooks.metrics import (
    EVENTS,
    OLDEST_DUE,
    OLDEST_UNDELIVERED,
    OPEN_CIRCUITS,
    QUEUE_DEPTH,
)
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
        now = clock.now()
        OLDEST_DUE.set(_age(stats.oldest_due_at, now=now))
        OLDEST_UNDELIVERED.set(_age(stats.oldest_undelivered_at, now=now))
        QUEUE_DEPTH.set(await queue.length())
        return SAMPLE_SECONDS

    await run_forever(sample, name="webhook gauges", stop=stop)


def _age(moment: datetime | None, *, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
