"""The relay: moves due events from the outbox to the queue, in order per swap order."""

import asyncio
from datetime import timedelta
from typing import Final

from domain.ports import Clock
from feeds.webhooks.loop import keep_doing, wait_for
from feeds.webhooks.ports import Outbox, Queue

BATCH: Final = 200
QUEUE_LIMIT: Final = 2_000
"""Entries on the queue at most: what is due beyond that waits in the outbox, which is the truth."""
QUEUE_LEASE: Final = timedelta(seconds=30)
"""How long an event may be queued before it counts as lost by the queue and is queued again."""
POLL_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 1.0


async def run_relay(
    *,
    outbox: Outbox,
    queue: Queue,
    clock: Clock,
    stop: asyncio.Event,
    wake: asyncio.Event | None = None,
) -> None:
    """Relay until `stop`. Any number of relays may run; setting `wake` ends a rest early."""
    relay = Relay(outbox=outbox, queue=queue, clock=clock, wake=wake or asyncio.Event())
    await keep_doing(relay.step, name="webhook relay", stop=stop)


class Relay:
    """Queues what is due and takes back what the queue has lost."""

    def __init__(self, *, outbox: Outbox, queue: Queue, clock: Clock, wake: asyncio.Event) -> None:
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._wake = wake
        self._sweep_at = 0.0

    async def step(self) -> None:
        """Move one batch; rest a moment unless there may be more.

        Events are marked before they are queued: where the queue then fails, their lease runs out.
        """
        self._wake.clear()
        await self._sweep_when_due()
        limit = min(BATCH, QUEUE_LIMIT - await self._queue.length())
        moved = await self._move(limit) if limit > 0 else 0
        if limit <= 0 or moved < limit:
            await wait_for(self._wake, seconds=POLL_SECONDS)

    async def _move(self, limit: int) -> int:
        now = self._clock.now()
        ids = await self._outbox.claim_due(now=now, leased_until=now + QUEUE_LEASE, limit=limit)
        if ids:
            await self._queue.add(ids)
        return len(ids)

    async def _sweep_when_due(self) -> None:
        time = asyncio.get_running_loop().time()
        if time >= self._sweep_at:
            await self._outbox.release_expired(now=self._clock.now())
            self._sweep_at = time + SWEEP_SECONDS
