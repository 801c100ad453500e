"""Delivery workers: lease queued events, send them, and record the result."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.clock import Clock
from domain.errors import Unavailable
from domain.webhooks.delivery import Attempt, FinishedAttempt, LeasedEvent, PendingDelivery
from domain.webhooks.retry_schedule import retry_delay
from feeds.loop import run_forever
from feeds.webhooks.eligibility import Withheld, delivery_of
from feeds.webhooks.metrics import ATTEMPTS, DELIVERY_DELAY, LATENCY
from feeds.webhooks.outcomes import OutcomeRecorder
from feeds.webhooks.ports import CircuitBreakers, Deliveries, Queue, Sender
from feeds.webhooks.recorder import GONE, Recorder, RecordRequest
from feeds.webhooks.relay import PER_ENDPOINT

CONCURRENCY: Final = 512
MAX_PER_LEASE: Final = 32
"""Few, so that a worker is never far ahead of what it has recorded: these events are sent again
when it is killed."""
MAX_UNRECORDED: Final = 64
"""A worker leases no more events while this many finished attempts are not recorded."""
LEASE: Final = timedelta(seconds=30)
"""How long a worker holds an event: an attempt of 10 s, and time to record it."""
MAX_START_DELAY: Final = timedelta(seconds=5)
"""A worker that was suspended for longer between leasing and sending does not send any more."""
RECLAIM_INTERVAL_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class DeliveryOutcome(StrEnum):
    """What an attempt means for its event; LATE where its lease had expired."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    DEAD = "dead"
    LATE = "late"


class InFlight(msgspec.Struct):
    """An event that this worker is sending: its lease, since when, and its entries on the queue.

    `attempted` is set when the attempt has finished: it must be recorded, or it would be repeated.
    """

    event: LeasedEvent
    lease: UUID
    leased_at: datetime
    entries: Sequence[str]
    attempted: bool = False


async def run_delivery(
    *,
    deliveries: Deliveries,
    circuit_breakers: CircuitBreakers,
    queue: Queue,
    sender: Sender,
    clock: Clock,
    new_id: Callable[[], UUID],
    uniform: Callable[[float, float], float],
    stop: asyncio.Event,
    concurrency: int = CONCURRENCY,
    per_endpoint: int = PER_ENDPOINT,
    on_settled: Callable[[], None] = lambda: None,
) -> None:
    """Deliver until `stop`, then finish the attempts under way. Any number of workers may run.

    When cancelled, release the events that are not sent yet. `on_settled` is called whenever an
    event is delivered or dead, so that a relay in the same process claims its successor at once.
    """
    for outcome in DeliveryOutcome:
        ATTEMPTS.labels(outcome.value)  # begins at 0: an alarm sees how a counter grows
    worker = DeliveryWorker(
        deliveries=deliveries,
        circuit_breakers=circuit_breakers,
        queue=queue,
        sender=sender,
        clock=clock,
        new_id=new_id,
        uniform=uniform,
        concurrency=concurrency,
        per_endpoint=per_endpoint,
        on_settled=on_settled,
    )
    try:
        await run_forever(worker.step, name="webhook delivery", stop=stop)
        await worker.finish()
    finally:
        await worker.release()


class DeliveryWorker:
    """Sends up to `concurrency` events at once."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        circuit_breakers: CircuitBreakers,
        queue: Queue,
        sender: Sender,
        clock: Clock,
        new_id: Callable[[], UUID],
        uniform: Callable[[float, float], float],
        concurrency: int,
        per_endpoint: int,
        on_settled: Callable[[], None],
    ) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._new_id = new_id
        self._uniform = uniform
        self._closing = asyncio.Event()
        self._concurrency = concurrency
        self._on_settled = on_settled
        self._in_flight: dict[asyncio.Task[None], InFlight] = {}
        self._reclaim_at = 0.0
        self._unleased: Mapping[str, UUID] = {}
        self._recorder = Recorder(
            deliveries=deliveries,
            outcomes=OutcomeRecorder(
                circuit_breakers, clock=clock, uniform=uniform, max_concurrency=per_endpoint
            ),
            queue=queue,
            clock=clock,
            uniform=uniform,
            closing=self._closing,
        )

    async def step(self) -> None:
        """Read as many entries as there is capacity for, and start to send their events."""
        free = min(self._concurrency - len(self._in_flight), MAX_PER_LEASE)
        if free <= 0 or self._recorder.unrecorded >= MAX_UNRECORDED:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            return
        entries = await self._next_entries(free)
        if entries:
            await self._lease(entries)

    async def finish(self) -> None:
        """Wait for the events in flight: no longer than one attempt and its recording."""
        self._closing.set()
        while self._in_flight:
            await asyncio.wait(self._in_flight)
        await self._recorder.drain()

    async def release(self) -> None:
        """Stop sending, record the finished attempts, and release the other events."""
        self._closing.set()
        in_flight = dict(self._in_flight)
        if not in_flight:
            return
        for task, event in in_flight.items():
            if not event.attempted:
                task.cancel()
        await asyncio.wait(in_flight)
        await self._recorder.drain()
        try:
            leases = {event.lease for event in in_flight.values()}
            released = await self._deliveries.release(leases)
            _log.info("events released", events=released)
        except Unavailable as error:
            _log.warning("events not released", events=len(in_flight), reason=str(error))

    async def _next_entries(self, free: int) -> Mapping[str, UUID]:
        if self._unleased:
            return self._unleased
        time = asyncio.get_running_loop().time()
        if time >= self._reclaim_at:
            reclaimed = await self._queue.reclaim(count=free)
            if reclaimed:
                return reclaimed
            self._reclaim_at = time + RECLAIM_INTERVAL_SECONDS
        return await self._queue.read(count=free)

    async def _lease(self, entries: Mapping[str, UUID]) -> None:
        """Lease the entries' events; an entry whose event cannot be leased is stale and removed.

        While the database is unavailable, the entries are retained and leased later.
        """
        self._unleased = entries
        by_event: dict[UUID, list[str]] = defaultdict(list)
        for entry, event_id in entries.items():
            by_event[event_id].append(entry)
        lease, now = self._new_id(), self._clock.now()
        leased = await self._deliveries.lease(
            by_event.keys(), lease=lease, now=now, leased_until=now + LEASE
        )
        self._unleased = {}
        for event in leased:
            self._start(InFlight(event, lease, now, by_event.pop(event.event.id)))
        await self._queue.remove([entry for stale in by_event.values() for entry in stale])

    def _start(self, in_flight: InFlight) -> None:
        task = asyncio.create_task(self._deliver(in_flight))
        self._in_flight[task] = in_flight
        task.add_done_callback(self._in_flight.pop)

    async def _deliver(self, in_flight: InFlight) -> None:
        event_id = str(in_flight.event.event.id)
        try:
            if self._clock.now() - in_flight.leased_at > MAX_START_DELAY:
                return
            outcome = await self._attempt(in_flight)
            ATTEMPTS.labels(outcome.value).inc()
            if outcome in (DeliveryOutcome.DELIVERED, DeliveryOutcome.DEAD):
                self._on_settled()
        except Unavailable as error:
            _log.warning("attempt not recorded", event_id=event_id, reason=str(error))
        except Exception:  # noqa: BLE001  a worker's body; the event is due again when its lease ends
            _log.exception("delivery failed", event_id=event_id)

    async def _attempt(self, in_flight: InFlight) -> DeliveryOutcome:
        event = in_flight.event
        delivery = delivery_of(event)
        if isinstance(delivery, Withheld):
            attempt = Attempt(self._clock.now(), timedelta(), None, delivery.reason)
            final = delivery.final
        else:
            attempt = await self._sender.send(delivery)
            LATENCY.observe(attempt.latency.total_seconds())
            if not (event.failed_attempts or event.event.is_test):
                DELIVERY_DELAY.observe(
                    max(0.0, (attempt.started_at - event.event.created_at).total_seconds())
                )
            final = attempt.delivered or attempt.http_status == GONE
        in_flight.attempted = True
        retry_at = None if final else self._retry_at(event, attempt)
        request = RecordRequest(
            finished=FinishedAttempt(event.event.id, in_flight.lease, attempt, retry_at),
            partner_id=event.event.partner_id,
            url=event.url,
            is_test=event.event.is_test,
            sent=isinstance(delivery, PendingDelivery),
            lease_expires_at=in_flight.leased_at + LEASE,
            entries=in_flight.entries,
        )
        if not await self._recorder.record(request):
            return DeliveryOutcome.LATE
        if attempt.delivered:
            return DeliveryOutcome.DELIVERED
        return DeliveryOutcome.RETRIED if retry_at else DeliveryOutcome.DEAD

    def _retry_at(self, event: LeasedEvent, attempt: Attempt) -> datetime | None:
        delay = retry_delay(
            event.failed_attempts + 1, uniform=self._uniform, requested=attempt.retry_after
        )
        return attempt.started_at + attempt.latency + delay if delay else None
