"""The relay: moves due events from the outbox to the queue, in sequence per order."""

import asyncio
from datetime import timedelta
from typing import Final

from domain.clock import Clock
from domain.errors import Unavailable
from feeds.loop import run_forever, wait_for
from feeds.webhooks.ports import Outbox, Queue

BATCH_SIZE: Final = 200
CAPACITY: Final = 512
"""Events queued or being sent at once, by all workers; other due events wait in the outbox."""
PER_ENDPOINT: Final = 32
"""Of those, events of one endpoint."""
QUEUE_LEASE: Final = timedelta(seconds=10)
"""How long an event may be queued before it counts as lost by the queue and is queued again."""
POLL_INTERVAL_SECONDS: Final = 0.25
"""How often an idle relay polls when it is not notified."""
ACTIVE_SECONDS: Final = 0.3
"""How long a relay keeps polling after it found events: notifications are sent at most every 200
ms."""
GATHER_SECONDS: Final = 0.025
"""A pause between two claims, in which events gather: a claim costs as much as several events."""
RELEASE_INTERVAL_SECONDS: Final = 1.0
DEAD_LETTER_INTERVAL_SECONDS: Final = 30.0


async def run_relay(
    *,
    outbox: Outbox,
    queue: Queue,
    clock: Clock,
    stop: asyncio.Event,
    wake: asyncio.Event | None = None,
    capacity: int = CAPACITY,
    per_endpoint: int = PER_ENDPOINT,
) -> None:
    """Relay until `stop`. Any number of relays may run; setting `wake` ends a pause early."""
    relay = Relay(
        outbox=outbox,
        queue=queue,
        clock=clock,
        wake=wake or asyncio.Event(),
        capacity=capacity,
        per_endpoint=per_endpoint,
    )
    await run_forever(relay.step, name="webhook relay", stop=stop)


class Relay:
    """Queues due events, and makes events pending again that the queue has lost."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        queue: Queue,
        clock: Clock,
        wake: asyncio.Event,
        capacity: int = CAPACITY,
        per_endpoint: int = PER_ENDPOINT,
    ) -> None:
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._wake = wake
        self._capacity = capacity
        self._per_endpoint = per_endpoint
        self._active_until = 0.0
        self._release_at = 0.0
        self._dead_letter_at = 0.0

    async def step(self) -> None:
        """Move one batch; pause unless there may be more events."""
        woken = self._wake.is_set()
        self._wake.clear()
        await self._sweep_when_due()
        moved = await self._move()
        if moved == BATCH_SIZE:
            return
        time = asyncio.get_running_loop().time()
        if moved or woken:
            self._active_until = time + ACTIVE_SECONDS
        if time < self._active_until:
            await asyncio.sleep(GATHER_SECONDS)
        else:
            await wait_for(self._wake, POLL_INTERVAL_SECONDS)

    async def _move(self) -> int:
        """Claim due events, then queue them; if queueing fails they become pending again.

        If that fails too, their lease expires.
        """
        now = self._clock.now()
        ids = await self._outbox.claim_due(
            now=now,
            leased_until=now + QUEUE_LEASE,
            capacity=self._capacity,
            per_endpoint=self._per_endpoint,
            limit=BATCH_SIZE,
        )
        if ids:
            try:
                await self._queue.add(ids)
            except Unavailable:
                await self._outbox.unclaim(ids)
                raise
        return len(ids)

    async def _sweep_when_due(self) -> None:
        time = asyncio.get_running_loop().time()
        if time >= self._release_at:
            await self._outbox.release_expired(now=self._clock.now())
            self._release_at = time + RELEASE_INTERVAL_SECONDS
        if time >= self._dead_letter_at:
            await self._outbox.dead_letter_blocked(now=self._clock.now())
            self._dead_letter_at = time + DEAD_LETTER_INTERVAL_SECONDS
