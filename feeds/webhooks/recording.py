"""Records attempts, those of one moment together, and what they tell of their endpoints."""

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
from domain.webhooks.circuit_breaker import (
    SLOW,
    CallOutcome,
    Uniform,
    VersionedCircuitBreaker,
    record_outcome,
)
from domain.webhooks.delivery import FinishedAttempt
from feeds.loop import DEFAULT_BACKOFF, wait_for
from feeds.webhooks.ports import Circuits, Deliveries, Queue

BATCH: Final = 200
GATHER_SECONDS: Final = 0.005
"""How long others may join a batch; what isn't recorded when we are killed is sent again."""
NOTES: Final = 4
"""How often a circuit is read and noted again because another worker was quicker."""
GONE: Final = 410

_log = structlog.get_logger(__name__)


class Finished(msgspec.Struct, frozen=True):
    """An attempt to be recorded: whose, where to, until when, and its entries on the queue.

    `patient_until` is when the event's lease ends: later there is nothing to record any more.
    `sent` is false where nothing was sent: then it tells nothing of the endpoint.
    """

    made: FinishedAttempt
    partner_id: UUID
    url: str | None
    is_test: bool
    sent: bool
    patient_until: datetime
    entries: Sequence[str]


Waiting = tuple[Finished, "asyncio.Future[bool]"]


class Recorder:
    """Takes attempts one by one and records them in batches: two statements for hundreds.

    While a batch is being recorded the next one gathers. `closing` ends its patience with a
    database that doesn't answer.
    """

    def __init__(
        self,
        *,
        events: Deliveries,
        circuits: Circuits,
        queue: Queue,
        clock: Clock,
        uniform: Uniform,
        most: int,
        closing: asyncio.Event,
    ) -> None:
        self._events = events
        self._circuits = circuits
        self._queue = queue
        self._clock = clock
        self._uniform = uniform
        self._most = most
        self._closing = closing
        self._waiting: list[Waiting] = []
        self.unrecorded = 0
        """Attempts that are over and not recorded yet."""
        self._running: asyncio.Task[None] | None = None

    async def record(self, finished: Finished) -> bool:
        """Record an attempt; False where its lease was over. Raises Unavailable.

        Recorded patiently while the lease lasts: else the event would be sent again.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((finished, future))
        self.unrecorded += 1
        future.add_done_callback(self._less_unrecorded)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    def _less_unrecorded(self, _: "asyncio.Future[bool]") -> None:
        self.unrecorded -= 1

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if await self._try(batch):
                continue
            for one in batch:  # one bad attempt mustn't have the others made again
                await self._try([one])

    async def _try(self, batch: list[Waiting]) -> bool:
        """Record a batch; False where it should be tried one by one. Callers are told otherwise."""
        try:
            await self._record(batch)
        except Exception as error:  # noqa: BLE001  a worker's body; told to each caller, or logged
            untold = [future for _, future in batch if not future.done()]
            if len(untold) > 1 and not isinstance(error, Unavailable):
                _log.exception("batch not recorded", attempts=len(batch))
                return False
            if not untold:
                _log.exception("recorded, but not followed up")
            for future in untold:  # each caller logs it
                future.set_exception(error)
        return True

    async def drain(self) -> None:
        """Wait until what was begun is done."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _record(self, batch: list[Waiting]) -> None:
        batch, recorded = await self._recorded(batch)
        settled = [finished for finished, _ in batch if finished.made.event_id in recorded]
        for finished, future in batch:
            if not future.done():
                future.set_result(finished.made.event_id in recorded)
        await self._follow_up(batch=[finished for finished, _ in batch], settled=settled)
        await self._note(settled, recorded)

    async def _recorded(
        self, batch: list[Waiting]
    ) -> tuple[list[Waiting], Mapping[UUID, VersionedCircuitBreaker | None]]:
        """Record a batch; return those of it whose leases lasted, and which are settled now."""
        failures = 0
        while True:
            now = self._clock.now()
            try:
                return batch, await self._events.record([one.made for one, _ in batch], now=now)
            except Unavailable as error:
                if self._closing.is_set():
                    raise
                for finished, future in batch:
                    if finished.patient_until <= now and not future.done():
                        future.set_exception(error)
                batch = [(one, future) for one, future in batch if one.patient_until > now]
                if not batch:
                    return [], {}
            failures += 1
            await wait_for(self._closing, DEFAULT_BACKOFF.pause(failures, uniform=self._uniform))

    async def _follow_up(self, *, batch: Sequence[Finished], settled: Sequence[Finished]) -> None:
        """Take entries off the queue; stop or go on with endpoints that said so.

        What fails here mends itself: a stale entry is dropped by who takes it over, and an endpoint
        that is gone says it again.
        """
        try:
            await self._queue.done([entry for finished in batch for entry in finished.entries])
        except Unavailable as error:
            _log.warning("entries left on the queue", reason=str(error))
        try:
            for one in settled:
                await self._heed(one)
        except Unavailable as error:
            _log.warning("endpoint's word not heeded", reason=str(error))

    async def _heed(self, finished: Finished) -> None:
        attempt = finished.made.attempt
        if finished.url is None:
            return
        partner_id, url = finished.partner_id, finished.url
        if attempt.http_status == GONE:
            if await self._events.stop_sending(partner_id, url, now=self._clock.now()):
                _log.warning("endpoint gone, nothing more is sent", partner_id=str(partner_id))
        elif (
            finished.is_test
            and attempt.delivered
            and await self._events.resume_sending(partner_id, url)
        ):
            _log.info("endpoint back", partner_id=str(partner_id))

    async def _note(
        self,
        settled: Sequence[Finished],
        recorded: Mapping[UUID, VersionedCircuitBreaker | None],
    ) -> None:
        """Note how endpoints fared; what can't be noted is lost, and only costs a little time."""
        outcomes: dict[UUID, list[CallOutcome]] = defaultdict(list)
        known: dict[UUID, VersionedCircuitBreaker] = {}
        for one in settled:
            if not one.sent:
                continue
            attempt = one.made.attempt
            outcomes[one.partner_id].append(
                CallOutcome(attempt.started_at, attempt.delivered, attempt.latency > SLOW)
            )
            circuit = recorded[one.made.event_id]
            if circuit is not None:
                known[one.partner_id] = circuit
        try:
            for _ in range(NOTES):
                outcomes = await self._noted(outcomes, known)
                if not outcomes:
                    return
                known = dict(await self._circuits.read(outcomes.keys()))
        except Unavailable as error:
            _log.warning("outcomes not noted", reason=str(error))

    async def _noted(
        self,
        outcomes: Mapping[UUID, list[CallOutcome]],
        known: Mapping[UUID, VersionedCircuitBreaker],
    ) -> dict[UUID, list[CallOutcome]]:
        """Save what circuits become; return the outcomes of those that others have changed."""
        now = self._clock.now()
        changed: dict[UUID, VersionedCircuitBreaker] = {}
        forgotten: dict[UUID, int] = {}
        for partner_id, theirs in outcomes.items():
            before = known.get(partner_id)
            after = record_outcome(
                before.circuit if before else None,
                theirs,
                now=now,
                most=self._most,
                uniform=self._uniform,
            )
            if after is not None and (before is None or after != before.circuit):
                changed[partner_id] = VersionedCircuitBreaker(
                    after, before.version if before else 0
                )
                self._tell(partner_id, before, changed[partner_id])
            elif after is None and before is not None:
                forgotten[partner_id] = before.version
        saved = await self._circuits.save(changed) if changed else set()
        if forgotten:
            await self._circuits.forget(forgotten)
        return {partner: outcomes[partner] for partner in changed.keys() - saved}

    def _tell(
        self,
        partner_id: UUID,
        before: VersionedCircuitBreaker | None,
        after: VersionedCircuitBreaker,
    ) -> None:
        was_open = before is not None and before.circuit.opened_at is not None
        is_open = after.circuit.opened_at is not None
        if is_open != was_open:
            _log.warning(
                "circuit opened" if is_open else "circuit closed", partner_id=str(partner_id)
            )
