"""Admission: the nonce and the weight of every signed call, in one atomic step on Valkey."""

import asyncio
from collections import deque
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from domain.partners.partner import ALL_PARTNERS
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.admission.revisions import revision_key
from persistence.valkey.connection.script_connection import ScriptConnection
from persistence.valkey.connection.script_protocol import bulk_string

SCRIPT: Final = (Path(__file__).parent / "admission.lua").read_text()
MAX_PER_CALL: Final = 16
"""Admissions that share one call: with larger batches, client and server take turns idling."""
MAX_IN_FLIGHT: Final = 4
"""Concurrent calls; requests that arrive meanwhile gather for the next."""
MAX_PARTNERS: Final = 20_000
"""Partners whose keys stay encoded."""
KEYS_PER_REQUEST: Final = 3
SHARED_KEY: Final = bulk_string(REMEMBERED_SINCE.encode())
"""The key that precedes those of the requests."""
REQUEST: Final = Struct(">IIQ")
"""Budget, weight, revision."""
REPLY: Final = Struct(">iqi")
"""Outcome, weight remaining, milliseconds to wait."""

_OUTCOMES: Final = tuple(AdmissionOutcome)


def window_key(partner_id: UUID) -> str:
    """Return the key of a partner's window of admitted weight."""
    return f"{{p:{partner_id}}}:weights"


class _PartnerKeys:
    """A partner's keys, encoded for a command; their shared hash tag maps them to one slot."""

    __slots__ = ("fixed", "nonce_prefix", "nonce_prefix_length")

    def __init__(self, partner_id: UUID) -> None:
        self.fixed = bulk_string(window_key(partner_id).encode()) + bulk_string(
            revision_key(partner_id).encode()
        )
        self.nonce_prefix = f"{{p:{partner_id}}}:nonce:".encode()
        self.nonce_prefix_length = len(self.nonce_prefix)

    def with_nonce(self, nonce: str) -> bytes:
        """Return the encoded keys of one request."""
        length = self.nonce_prefix_length + len(nonce)
        return b"%b$%d\r\n%b%b\r\n" % (self.fixed, length, self.nonce_prefix, nonce.encode())


class _Batch:
    """Requests that share one call."""

    __slots__ = ("futures", "keys", "requests")

    def __init__(self) -> None:
        self.keys = [SHARED_KEY]
        self.requests: list[bytes] = []
        self.futures: list[asyncio.Future[Admission]] = []


class ValkeyAdmissionController:
    """AdmissionController over Valkey; requests of one turn of the event loop share a call."""

    def __init__(self, client: Valkey) -> None:
        self._connection = ScriptConnection(client, SCRIPT)
        self._gathering = _Batch()
        self._batches: deque[_Batch] = deque()
        self._in_flight = 0
        self._partners: dict[int, _PartnerKeys] = {}

    def admit(
        self, partner_id: UUID, *, revision: int, nonce: str, weight: int, budget: int
    ) -> "asyncio.Future[Admission]":
        """Consume the nonce and charge the weight; raise Unavailable without Valkey.

        The nonce is consumed even where the weight is not admitted, so that a rejected call cannot
        be replayed later; but not by a call that was checked against an outdated record.
        """
        batch = self._gathering
        if not batch.futures:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._flush)
        else:
            loop = batch.futures[0].get_loop()
        keys = self._partners.get(partner_id.int) or self._encode_keys(partner_id)
        batch.keys.append(keys.with_nonce(nonce))
        batch.requests.append(REQUEST.pack(budget, weight, revision))
        future: asyncio.Future[Admission] = loop.create_future()
        batch.futures.append(future)
        if len(batch.futures) == MAX_PER_CALL:
            self._flush()
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

    def _read(self, partner_id: UUID) -> "asyncio.Future[Admission]":
        return self.admit(partner_id, revision=0, nonce="", weight=0, budget=0)

    def _encode_keys(self, partner_id: UUID) -> _PartnerKeys:
        if len(self._partners) >= MAX_PARTNERS:
            self._partners.clear()
        keys = self._partners[partner_id.int] = _PartnerKeys(partner_id)
        return keys

    def _flush(self) -> None:
        if not self._gathering.futures:
            return
        self._batches.append(self._gathering)
        self._gathering = _Batch()
        self._start()

    def _start(self) -> None:
        while self._in_flight < MAX_IN_FLIGHT and self._batches:
            batch = self._batches.popleft()
            self._in_flight += 1
            self._connection.call(
                batch.keys,
                1 + KEYS_PER_REQUEST * len(batch.futures),
                b"".join(batch.requests),
                partial(self._on_reply, batch.futures),
            )

    def _on_reply(
        self, futures: "list[asyncio.Future[Admission]]", reply: bytes | Exception
    ) -> None:
        self._in_flight -= 1
        if isinstance(reply, Exception) or len(reply) != REPLY.size * len(futures):
            _fail(futures, Unavailable(f"no admission from Valkey: {reply!r}"))
        else:
            replies = REPLY.iter_unpack(reply)
            for future, (outcome, remaining, wait_ms) in zip(futures, replies, strict=True):
                if not future.done():
                    future.set_result(Admission(_OUTCOMES[outcome], remaining, wait_ms))
        self._start()


def _fail(futures: list[asyncio.Future[Admission]], error: Unavailable) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
