"""Delivery workers: take queued events, send them, settle them by how it went."""

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
from domain.webhooks.delivery import Attempt, FinishedAttempt, PendingDelivery
from domain.webhooks.events import EventType, retry_delay
from feeds.loop import run_forever
from feeds.webhooks.metrics import ATTEMPTS, LATENCY
from feeds.webhooks.ports import Circuits, Deliveries, LeasedEvent, Queue, Sender
from feeds.webhooks.recording import GONE, Finished, Recorder
from feeds.webhooks.relay import PER_ENDPOINT

CONCURRENCY: Final = 512
TAKEN_AT_ONCE: Final = 32
"""Few, so that a worker is never far ahead of what it has recorded: that is what is sent again when
it is killed."""
UNRECORDED: Final = 64
"""So many attempts that are over, and not recorded, keep a worker from taking more."""
LEASE: Final = timedelta(seconds=30)
"""How long a worker holds an event: an attempt of 10 s and time to record it."""
LATEST_START: Final = timedelta(seconds=5)
"""A worker that was suspended for longer between taking and sending doesn't send any more."""
RECLAIM_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class DeliveryOutcome(StrEnum):
    """What became of an event by an attempt."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    DEAD = "dead"
    LATE = "late"


class Hold(msgspec.Struct):
    """An event in this worker's hands: its lease, since when, and its entries on the queue.

    `tried` from when the attempt is over: then it must be recorded, or it would be made again.
    """

    leased: LeasedEvent
    lease: UUID
    taken_at: datetime
    entries: Sequence[str]
    tried: bool = False


class Withheld(msgspec.Struct, frozen=True):
    """Why an event isn't sent; `final` when waiting wouldn't help."""

    reason: str
    final: bool


async def run_delivery(
    *,
    events: Deliveries,
    circuits: Circuits,
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
    """Deliver until `stop`, then finish what is being sent. Any number of workers may run.

    Cancelled, it gives back what it hasn't sent yet. `on_settled` is called whenever an event is
    delivered or dead, so that a relay in the same process can look for its successor at once.
    """
    worker = DeliveryWorker(
        events=events,
        circuits=circuits,
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
        await worker.give_back()


class DeliveryWorker:
    """Sends up to `concurrency` events at once."""

    def __init__(
        self,
        *,
        events: Deliveries,
        circuits: Circuits,
        queue: Queue,
        sender: Sender,
        clock: Clock,
        new_id: Callable[[], UUID],
        uniform: Callable[[float, float], float],
        concurrency: int,
        per_endpoint: int,
        on_settled: Callable[[], None],
    ) -> None:
        self._events = events
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._new_id = new_id
        self._uniform = uniform
        self._closing = asyncio.Event()
        self._concurrency = concurrency
        self._on_settled = on_settled
        self._held: dict[asyncio.Task[None], Hold] = {}
        self._reclaim_at = 0.0
        self._untaken: Mapping[str, UUID] = {}
        self._recorder = Recorder(
            events=events,
            circuits=circuits,
            queue=queue,
            clock=clock,
            uniform=uniform,
            most=per_endpoint,
            closing=self._closing,
        )

    async def step(self) -> None:
        """Take as many entries as there is room for, and start to send their events."""
        free = min(self._concurrency - len(self._held), TAKEN_AT_ONCE)
        if free <= 0 or self._recorder.unrecorded >= UNRECORDED:
            await asyncio.wait(self._held, return_when=asyncio.FIRST_COMPLETED)
            return
        entries = await self._next_entries(free)
        if entries:
            await self._take(entries)

    async def finish(self) -> None:
        """Wait for what is being sent: no longer than one attempt and its recording."""
        self._closing.set()
        while self._held:
            await asyncio.wait(self._held)
        await self._recorder.drain()

    async def give_back(self) -> None:
        """Stop sending, record what was sent, and let others have the rest."""
        self._closing.set()
        held = dict(self._held)
        if not held:
            return
        for task, hold in held.items():
            if not hold.tried:
                task.cancel()
        await asyncio.wait(held)
        await self._recorder.drain()
        try:
            given = await self._events.give_back({hold.lease for hold in held.values()})
            _log.info("given back", events=given)
        except Unavailable as error:
            _log.warning("left to their leases", events=len(held), reason=str(error))

    async def _next_entries(self, free: int) -> Mapping[str, UUID]:
        if self._untaken:
            return self._untaken
        time = asyncio.get_running_loop().time()
        if time >= self._reclaim_at:
            stuck = await self._queue.reclaim(count=free)
            if stuck:
                return stuck
            self._reclaim_at = time + RECLAIM_SECONDS
        return await self._queue.read(count=free)

    async def _take(self, entries: Mapping[str, UUID]) -> None:
        """Lease the entries' events; what can't be leased is stale or somebody else's.

        Where the database is away they are this worker's to take when it is back.
        """
        self._untaken = entries
        by_event: dict[UUID, list[str]] = defaultdict(list)
        for entry, event_id in entries.items():
            by_event[event_id].append(entry)
        lease, now = self._new_id(), self._clock.now()
        taken = await self._events.take(
            by_event.keys(), lease=lease, now=now, leased_until=now + LEASE
        )
        self._untaken = {}
        for leased in taken:
            self._start(Hold(leased, lease, now, by_event.pop(leased.event.id)))
        await self._queue.done([entry for stale in by_event.values() for entry in stale])

    def _start(self, hold: Hold) -> None:
        task = asyncio.create_task(self._deliver(hold))
        self._held[task] = hold
        task.add_done_callback(self._held.pop)

    async def _deliver(self, hold: Hold) -> None:
        event_id = str(hold.leased.event.id)
        try:
            if self._clock.now() - hold.taken_at > LATEST_START:
                return
            outcome = await self._attempt(hold)
            ATTEMPTS.labels(outcome.value).inc()
            if outcome in (DeliveryOutcome.DELIVERED, DeliveryOutcome.DEAD):
                self._on_settled()
        except Unavailable as error:
            _log.warning("left unfinished", event_id=event_id, reason=str(error))
        except Exception:  # noqa: BLE001  a worker's body; its event comes back when its lease ends
            _log.exception("failed", event_id=event_id)

    async def _attempt(self, hold: Hold) -> DeliveryOutcome:
        leased = hold.leased
        delivery = sendable(leased)
        if isinstance(delivery, Withheld):
            attempt = Attempt(self._clock.now(), timedelta(), None, delivery.reason)
            final = delivery.final
        else:
            attempt = await self._sender.send(delivery)
            LATENCY.observe(attempt.latency.total_seconds())
            final = attempt.delivered or attempt.http_status == GONE
        hold.tried = True
        retry_at = None if final else self._retry_at(leased, attempt)
        finished = Finished(
            made=FinishedAttempt(leased.event.id, hold.lease, attempt, retry_at),
            partner_id=leased.event.partner_id,
            url=leased.url,
            is_test=leased.event.type is EventType.WEBHOOK_TEST,
            sent=isinstance(delivery, PendingDelivery),
            patient_until=hold.taken_at + LEASE,
            entries=hold.entries,
        )
        if not await self._recorder.record(finished):
            return DeliveryOutcome.LATE
        if attempt.delivered:
            return DeliveryOutcome.DELIVERED
        return DeliveryOutcome.RETRIED if retry_at else DeliveryOutcome.DEAD

    def _retry_at(self, leased: LeasedEvent, attempt: Attempt) -> datetime | None:
        delay = retry_delay(
            leased.failed_attempts + 1, uniform=self._uniform, asked=attempt.retry_after
        )
        return attempt.started_at + attempt.latency + delay if delay else None


def sendable(leased: LeasedEvent) -> PendingDelivery | Withheld:
    """Return what to send, or why it must not be sent.

    What the partner or the user has decided is final; what the operator can mend is waited for.
    """
    for withheld, reason, final in (
        (leased.order_deleted, "the order was deleted", True),
        (leased.gone, "the endpoint has answered 410 before: it is gone", True),
        (not leased.subscribed, "events of this type are not subscribed to", True),
        (not leased.partner_enabled, "the partner is disabled", False),
    ):
        if withheld:
            return Withheld(reason, final=final)
    if leased.url is None:
        return Withheld("no webhook URL is set", final=True)
    if leased.webhook_secret is None:
        return Withheld("the webhook secret can't be read", final=False)
    return PendingDelivery(
        event=leased.event,
        url=leased.url,
        webhook_secret=leased.webhook_secret,
        standard_webhooks=leased.standard_webhooks,
        failed_attempts=leased.failed_attempts,
        previous_webhook_secret=leased.previous_webhook_secret,
    )
