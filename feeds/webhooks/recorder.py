"""Records finished attempts in batches, and acts on what they say about their endpoints."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.clock import Clock
from domain.errors import Unavailable
from domain.webhooks.circuit_breaker import SLOW, CallOutcome, Uniform, VersionedCircuitBreaker
from domain.webhooks.delivery import FinishedAttempt
from feeds.loop import DEFAULT_BACKOFF, wait_for
from feeds.webhooks.outcomes import OutcomeRecorder
from feeds.webhooks.ports import Deliveries, Queue

BATCH_SIZE: Final = 200
GATHER_SECONDS: Final = 0.005
"""How long a batch gathers; an attempt that is not recorded when the process is killed is repeated.
"""
GONE: Final = 410

_log = structlog.get_logger(__name__)


class RecordRequest(msgspec.Struct, frozen=True):
    """A finished attempt to be recorded, and its entries on the queue.

    `lease_expires_at` is when recording becomes pointless. `sent` is False where nothing was sent:
    then the attempt says nothing about the endpoint.
    """

    finished: FinishedAttempt
    partner_id: UUID
    url: str | None
    is_test: bool
    sent: bool
    lease_expires_at: datetime
    entries: Sequence[str]


Pending = tuple[RecordRequest, "asyncio.Future[bool]"]
Recorded = Mapping[UUID, VersionedCircuitBreaker | None]
"""The recorded events, each with its endpoint's circuit breaker if there is one."""


class Recorder:
    """Accepts attempts one by one and records them in batches: two statements for hundreds.

    While a batch is being recorded the next one gathers. Once `closing` is set, a batch is no
    longer retried while the database is unavailable.
    """

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        outcomes: OutcomeRecorder,
        queue: Queue,
        clock: Clock,
        uniform: Uniform,
        closing: asyncio.Event,
    ) -> None:
        self._deliveries = deliveries
        self._outcomes = outcomes
        self._queue = queue
        self._clock = clock
        self._uniform = uniform
        self._closing = closing
        self._pending: list[Pending] = []
        self._running: asyncio.Task[None] | None = None
        self.unrecorded = 0
        """The number of finished attempts that are not recorded yet."""

    async def record(self, request: RecordRequest) -> bool:
        """Record an attempt; return False where its lease had expired. Raises Unavailable.

        Recording is retried until the lease expires: otherwise the event would be sent again.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((request, future))
        self.unrecorded += 1
        future.add_done_callback(self._count_recorded)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Wait until all attempts are recorded or have failed to be."""
        if self._running is not None:
            await asyncio.wait([self._running])

    def _count_recorded(self, _: "asyncio.Future[bool]") -> None:
        self.unrecorded -= 1

    async def _run(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._pending = self._pending[:BATCH_SIZE], self._pending[BATCH_SIZE:]
            if await self._try(batch):
                continue
            for pending in batch:  # one defective attempt must not cause the others to be repeated
                await self._try([pending])

    async def _try(self, batch: list[Pending]) -> bool:
        """Record a batch; return False where its attempts should be recorded one by one."""
        try:
            await self._record(batch)
        except Exception as error:  # noqa: BLE001  a worker's body; raised to each caller, or logged
            waiting = [future for _, future in batch if not future.done()]
            if len(waiting) > 1 and not isinstance(error, Unavailable):
                _log.exception("batch not recorded", attempts=len(batch))
                return False
            if not waiting:
                _log.exception("attempts recorded, follow-up failed")
            for future in waiting:  # each caller logs it
                future.set_exception(error)
        return True

    async def _record(self, batch: list[Pending]) -> None:
        batch, recorded = await self._store(batch)
        requests = [request for request, _ in batch]
        settled = [request for request in requests if request.finished.event_id in recorded]
        for request, future in batch:
            if not future.done():
                future.set_result(request.finished.event_id in recorded)
        await self._remove_entries(requests)
        await self._update_endpoints(settled)
        await self._record_outcomes(settled, recorded)

    async def _store(self, batch: list[Pending]) -> tuple[list[Pending], Recorded]:
        """Store a batch; return those of it whose leases lasted, and which events are recorded."""
        failures = 0
        while True:
            now = self._clock.now()
            try:
                finished = [request.finished for request, _ in batch]
                return batch, await self._deliveries.record(finished, now=now)
            except Unavailable as error:
                if self._closing.is_set():
                    raise
                batch = _drop_expired(batch, error, now=now)
                if not batch:
                    return [], {}
            failures += 1
            await wait_for(self._closing, DEFAULT_BACKOFF.pause(failures, uniform=self._uniform))

    async def _remove_entries(self, requests: Sequence[RecordRequest]) -> None:
        """Remove the entries from the queue; a worker that reclaims a stale entry drops it."""
        try:
            await self._queue.remove([entry for request in requests for entry in request.entries])
        except Unavailable as error:
            _log.warning("entries not removed from the queue", reason=str(error))

    async def _update_endpoints(self, settled: Sequence[RecordRequest]) -> None:
        """Mark endpoints that responded 410 Gone; one that is missed will respond so again."""
        try:
            for request in settled:
                await self._update_endpoint(request)
        except Unavailable as error:
            _log.warning("endpoints not updated", reason=str(error))

    async def _update_endpoint(self, request: RecordRequest) -> None:
        attempt, partner_id, url = request.finished.attempt, request.partner_id, request.url
        if url is None:
            return
        if attempt.http_status == GONE:
            if await self._deliveries.mark_gone(partner_id, url, now=self._clock.now()):
                _log.warning("endpoint gone, sending stopped", partner_id=str(partner_id))
        elif (
            request.is_test
            and attempt.delivered
            and await self._deliveries.clear_gone(partner_id, url)
        ):
            _log.info("endpoint accepts events, sending resumed", partner_id=str(partner_id))

    async def _record_outcomes(self, settled: Sequence[RecordRequest], recorded: Recorded) -> None:
        outcomes: dict[UUID, list[CallOutcome]] = defaultdict(list)
        breakers: dict[UUID, VersionedCircuitBreaker] = {}
        for request in settled:
            if not request.sent:
                continue
            attempt = request.finished.attempt
            outcomes[request.partner_id].append(
                CallOutcome(attempt.started_at, attempt.delivered, attempt.latency > SLOW)
            )
            breaker = recorded[request.finished.event_id]
            if breaker is not None:
                breakers[request.partner_id] = breaker
        await self._outcomes.record(outcomes, breakers)


def _drop_expired(batch: list[Pending], error: Unavailable, *, now: datetime) -> list[Pending]:
    """Raise the error to the callers whose leases have expired; return the others."""
    for request, future in batch:
        if request.lease_expires_at <= now and not future.done():
            future.set_exception(error)
    return [(request, future) for request, future in batch if request.lease_expires_at > now]
