"""Looks at the outbox and the queue now and then, for what is measured."""

import asyncio
from typing import Final, Protocol

from domain.clock import Clock
from domain.webhooks.delivery import Backlog
from feeds.loop import run_forever, wait_for
from feeds.webhooks.metrics import EVENTS, OLDEST_DUE, OPEN_CIRCUITS, QUEUE_DEPTH
from feeds.webhooks.ports import Queue

SAMPLE_SECONDS: Final = 5.0


class OutboxStats(Protocol):
    """What can be told of the outbox as a whole."""

    async def backlog(self) -> Backlog:
        """Return what waits; raise Unavailable."""


async def sample(*, outlook: OutboxStats, queue: Queue, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the gauges up to date until `stop`."""

    async def look() -> None:
        backlog = await outlook.backlog()
        for state, number in (
            ("due", backlog.due),
            ("waiting", backlog.waiting),
            ("queued", backlog.queued),
            ("kept_back", backlog.kept_back),
        ):
            EVENTS.labels(state).set(number)
        OPEN_CIRCUITS.set(backlog.open_circuits)
        since = backlog.oldest_due
        OLDEST_DUE.set(max(0.0, (clock.now() - since).total_seconds()) if since else 0.0)
        QUEUE_DEPTH.set(await queue.length())
        await wait_for(stop, SAMPLE_SECONDS)

    await run_forever(look, name="webhook gauges", stop=stop)
