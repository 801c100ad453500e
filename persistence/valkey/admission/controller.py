"""Admission: the nonce and the weight of every signed call, in one atomic step on Valkey."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.crc import key_slot

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from domain.measurements import Durations
from domain.partners.partner import ALL_PARTNERS
from persistence.valkey.admission.nonces import nonces_key
from persistence.valkey.admission.revisions import revision_key
from persistence.valkey.connection.client import primaries_of
from persistence.valkey.connection.primaries import Primary
from persistence.valkey.connection.script_connection import ScriptConnection
from persistence.valkey.connection.script_protocol import bulk_string

SCRIPT: Final = (Path(__file__).parent / "admission.lua").read_text()
MAX_PER_CALL: Final = 16
"""Admissions that share one call: with larger batches, client and server take turns idling."""
MAX_IN_FLIGHT: Final = 8
"""Concurrent calls of a server. Requests that arrive meanwhile share the next, as an idle server
never needs so many: one that replies late gets fewer calls with more admissions each."""
MAX_PER_REPLICATED_CALL: Final = 32
MAX_REPLICATED_IN_FLIGHT: Final = 2
"""Replicas take as long to acknowledge a call with many admissions as one with few."""
MAX_PARTNERS: Final = 20_000
"""Partners whose keys stay encoded."""
KEYS_PER_REQUEST: Final = 4
REQUEST: Final = Struct(">IIQ")
"""Budget, weight, revision."""
REPLY: Final = Struct(">iqi")
"""Outcome, weight remaining, milliseconds to wait."""

_OUTCOMES: Final = tuple(AdmissionOutcome)
_MOVED: Final = 5


def window_key(partner_id: UUID) -> str:
    """Return the key of a partner's window of admitted weight."""
    return f"{{p:{partner_id}}}:weights"


class _Partner:
    """A partner's keys, encoded for a command, and the queue of the server that has them."""

    __slots__ = ("fixed", "nonce_prefix", "nonce_prefix_length", "queue")

    def __init__(self, partner_id: UUID, queue: "_Queue", nonces: str) -> None:
        keys = (nonces, window_key(partner_id), revision_key(partner_id))
        self.fixed = b"".join(bulk_string(key.encode()) for key in keys)
        self.nonce_prefix = f"{{p:{partner_id}}}:nonce:".encode()
        self.nonce_prefix_length = len(self.nonce_prefix)
        self.queue = queue

    def with_nonce(self, nonce: str) -> bytes:
        """Return the encoded keys of one request."""
        length = self.nonce_prefix_length + len(nonce)
        return b"%b$%d\r\n%b%b\r\n" % (self.fixed, length, self.nonce_prefix, nonce.encode())


class Replicas:
    """How many replicas of a server must acknowledge an admission; it may not be known yet."""

    __slots__ = ("known_until", "max_in_flight", "max_per_call", "required")

    def __init__(self) -> None:
        self.require(0, known_until=0.0)

    def require(self, replicas: int, *, known_until: float) -> None:
        """Require so many until a time, by the clock of the event loop."""
        self.required, self.known_until = replicas, known_until
        self.max_per_call = MAX_PER_REPLICATED_CALL if replicas else MAX_PER_CALL
        self.max_in_flight = MAX_REPLICATED_IN_FLIGHT if replicas else MAX_IN_FLIGHT


class _Batch:
    """Requests that share one call."""

    __slots__ = ("futures", "keys", "requests")

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.requests: list[bytes] = []
        self.futures: list[asyncio.Future[Admission]] = []


class _Queue:
    """The requests of one server."""

    def __init__(
        self,
        primary: Primary,
        replicas: Replicas,
        on_failure: Callable[[], None],
        durations: Durations,
    ) -> None:
        self._connection = ScriptConnection(primary.client, SCRIPT)
        self.client = primary.client
        self.replicas = replicas
        self._on_failure = on_failure
        self._durations = durations
        self.gathering = _Batch()
        self._batches: deque[_Batch] = deque()
        self._in_flight = 0
        self._is_waiting = False
        """Whether what has gathered waits for a call in flight to end."""

    def flush(self) -> None:
        """Let the requests that have gathered be called, or gather more until a call may start."""
        gathered = len(self.gathering.futures)
        if not gathered:
            return
        if self._in_flight < self.replicas.max_in_flight or gathered >= self.replicas.max_per_call:
            self._batches.append(self.gathering)
            self.gathering, self._is_waiting = _Batch(), False
            self._start()
        else:
            self._is_waiting = True

    def _start(self) -> None:
        replicas = self.replicas
        while self._in_flight < replicas.max_in_flight and (self._batches or self._is_waiting):
            batch = self._next()
            loop = batch.futures[0].get_loop()
            started = loop.time()
            if started > replicas.known_until:
                _fail(batch.futures, "the replicas of Valkey are not known")
                self._on_failure()
                continue
            self._in_flight += 1
            self._connection.call(
                [bulk_string(b"".join(batch.requests)), *batch.keys],
                1 + KEYS_PER_REQUEST * len(batch.futures),
                partial(self._on_reply, batch.futures, loop, started),
                replicas=replicas.required,
            )

    def _next(self) -> _Batch:
        if self._batches:
            return self._batches.popleft()
        batch, self.gathering, self._is_waiting = self.gathering, _Batch(), False
        return batch

    def _on_reply(
        self,
        futures: "list[asyncio.Future[Admission]]",
        loop: asyncio.AbstractEventLoop,
        started: float,
        reply: bytes | Exception,
    ) -> None:
        self._in_flight -= 1
        self._durations.record(loop.time() - started)
        if isinstance(reply, Exception) or len(reply) != REPLY.size * len(futures):
            _fail(futures, f"no admission from Valkey: {reply!r}")
            self._on_failure()
        else:
            replies = REPLY.iter_unpack(reply)
            for future, (outcome, remaining, wait_ms) in zip(futures, replies, strict=True):
                if outcome == _MOVED:
                    _fail([future], "the partner's slot is on another server of Valkey")
                    self._on_failure()
                elif not future.done():
                    future.set_result(Admission(_OUTCOMES[outcome], remaining, wait_ms))
        self._start()


class ValkeyAdmissionController:
    """AdmissionController over Valkey; requests of one turn of the event loop share a call.

    In a cluster, those for one server do. Where a replica may become a primary, an admission counts
    only once replicas have acknowledged it: see Replication, which sets how many.
    """

    def __init__(self, client: Valkey) -> None:
        self.primaries = primaries_of(client)
        self._partners: dict[int, _Partner] = {}
        self._queues: dict[str, _Queue] = {}
        self._replicas: dict[str, Replicas] = {}
        self.durations = Durations()
        """Of the calls of the servers, each with one or more admissions."""
        self.failed = asyncio.Event()
        """Whether a call has failed since this was cleared."""

    def admit(
        self, partner_id: UUID, *, revision: int, nonce: str, weight: int, budget: int
    ) -> "asyncio.Future[Admission]":
        """Consume the nonce and charge the weight; raise Unavailable without Valkey.

        The nonce is consumed even where the weight is not admitted, so that a rejected call cannot
        be replayed later; but not by a call that was checked against an outdated record.
        """
        partner = self._partners.get(partner_id.int) or self._find(partner_id)
        queue = partner.queue
        batch = queue.gathering
        if not batch.futures:
            loop = asyncio.get_running_loop()
            loop.call_soon(queue.flush)
        else:
            loop = batch.futures[0].get_loop()
        batch.keys.append(partner.with_nonce(nonce))
        batch.requests.append(REQUEST.pack(budget, weight, revision))
        future: asyncio.Future[Admission] = loop.create_future()
        batch.futures.append(future)
        if len(batch.futures) >= queue.replicas.max_per_call:
            queue.flush()
        return future

    async def newest_revision(self, partner_id: UUID) -> int:
        """Return the revision of a partner below which calls are stale; -1 where none is stored.

        Raises Unavailable without Valkey.
        """
        return (await self._read(partner_id)).remaining

    async def recovery_ms(self) -> int:
        """Return how long calls are rejected because nonces were lost; 0 where they are not.

        Raises Unavailable without Valkey.
        """
        return (await self._read(ALL_PARTNERS)).wait_ms

    def replicas_of(self, primary: Primary) -> Replicas:
        """Return what is known of a server's replicas, for Replication to change."""
        return self._replicas.setdefault(primary.address, Replicas())

    def forget_servers(self) -> None:
        """Find the server of each partner again: the primaries have changed."""
        self._partners.clear()

    def _read(self, partner_id: UUID) -> "asyncio.Future[Admission]":
        return self.admit(partner_id, revision=0, nonce="", weight=0, budget=0)

    def _find(self, partner_id: UUID) -> _Partner:
        if len(self._partners) >= MAX_PARTNERS:
            self._partners.clear()
        slot = key_slot(window_key(partner_id).encode())
        primary = self.primaries.of_slot(slot)
        if primary is None:
            self.failed.set()
            raise Unavailable("no server of Valkey is known for the partner")
        partner = self._partners[partner_id.int] = _Partner(
            partner_id,
            self._queue(primary),
            nonces_key(self.primaries, slot),
        )
        return partner

    def _queue(self, primary: Primary) -> _Queue:
        """Return the queue of a server: it keeps its connection, also while it is no primary."""
        queue = self._queues.get(primary.address)
        if queue is not None and queue.client is primary.client:
            return queue
        replicas = self.replicas_of(primary)
        if not self.primaries.may_fail_over:
            replicas.require(0, known_until=float("inf"))
        queue = self._queues[primary.address] = _Queue(
            primary, replicas, self.failed.set, self.durations
        )
        return queue


def _fail(futures: "list[asyncio.Future[Admission]]", reason: str) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(Unavailable(reason))
