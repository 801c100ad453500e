"""The relay: moves due events from the outbox to the queue, in order per swap order."""

import asyncio
from datetime import timedelta
from typing import Final

from domain.clock import Clock
from domain.errors import Unavailable
from feeds.loop import run_forever, wait_for
from feeds.webhooks.ports import Outbox, Queue

BATCH: Final = 200
ROOM: Final = 512
"""Events queued or being sent at once, by all workers: what is due beyond waits in the outbox."""
PER_ENDPOINT: Final = 32
"""Of those, events of one endpoint."""
QUEUE_LEASE: Final = timedelta(seconds=10)
"""How long an event may be queued before it counts as lost by the queue and is queued again."""
POLL_SECONDS: Final = 0.25
"""How often the relay looks while nobody tells it of events."""
AWAKE_SECONDS: Final = 0.3
"""How long it keeps looking after there was something: writers tell only five times a second."""
GATHER_SECONDS: Final = 0.025
"""A pause between two looks, in which events come together: a look costs what several events do."""
SWEEP_SECONDS: Final = 1.0
GIVE_UP_SECONDS: Final = 30.0


async def run_relay(
    *,
    outbox: Outbox,
    queue: Queue,
    clock: Clock,
    stop: asyncio.Event,
    wake: asyncio.Event | None = None,
    room: int = ROOM,
    per_endpoint: int = PER_ENDPOINT,
) -> None:
    """Relay until `stop`. Any number of relays may run; setting `wake` ends a rest early."""
    relay = Relay(
        outbox=outbox,
        queue=queue,
        clock=clock,
        wake=wake or asyncio.Event(),
        room=room,
        per_endpoint=per_endpoint,
    )
    await run_forever(relay.step, name="webhook relay", stop=stop)


class Relay:
    """Queues what is due and takes back what the queue has lost."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        queue: Queue,
        clock: Clock,
        wake: asyncio.Event,
        room: int = ROOM,
        per_endpoint: int = PER_ENDPOINT,
    ) -> None:
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._wake = wake
        self._room = room
        self._per_endpoint = per_endpoint
        self._awake_until = 0.0
        self._sweep_at = 0.0
        self._give_up_at = 0.0

    async def step(self) -> None:
        """Move one batch; rest a moment unless there may be more."""
        woken = self._wake.is_set()
        self._wake.clear()
        await self._sweep_when_due()
        moved = await self._move()
        if moved == BATCH:
            return
        time = asyncio.get_running_loop().time()
        if moved or woken:
            self._awake_until = time + AWAKE_SECONDS
        if time < self._awake_until:
            await asyncio.sleep(GATHER_SECONDS)
        else:
            await wait_for(self._wake, POLL_SECONDS)

    async def _move(self) -> int:
        """Queue what is due, marked before it is queued; where the queue fails it is put back.

        Should that fail as well, its lease runs out.
        """
        now = self._clock.now()
        ids = await self._outbox.claim_due(
            now=now,
            leased_until=now + QUEUE_LEASE,
            room=self._room,
            per_endpoint=self._per_endpoint,
            limit=BATCH,
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
        if time >= self._sweep_at:
            await self._outbox.release_expired(now=self._clock.now())
            self._sweep_at = time + SWEEP_SECONDS
        if time >= self._give_up_at:
            await self._outbox.give_up_hopeless(now=self._clock.now())
            self._give_up_at = time + GIVE_UP_SECONDS
