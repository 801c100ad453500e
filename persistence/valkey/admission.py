"""Admission: nonce and weight of every signed call, in one atomic step on Valkey."""

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
from persistence.valkey.generations import generation_key
from persistence.valkey.script_connection import ScriptConnection
from persistence.valkey.script_protocol import bulk

SCRIPT: Final = (Path(__file__).parent / "admission.lua").read_text()
MAX_PER_CALL: Final = 16
"""Admissions that share one call: larger batches let us and Valkey take turns idling."""
MAX_IN_FLIGHT: Final = 4
"""Calls under way at once; what comes meanwhile is gathered for the next."""
MAX_PARTNERS: Final = 20_000
"""Partners whose keys are kept ready."""
KEYS_EACH: Final = 3
ASKED: Final = Struct(">III")
"""Budget, weight, generation."""
ANSWERED: Final = Struct(">iii")
"""Verdict, weight left, milliseconds to wait."""

_VERDICTS: Final = tuple(AdmissionOutcome)


def window_key(partner_id: UUID) -> str:
    """Return the name of a partner's window of admitted weight."""
    return f"{{p:{partner_id}}}:weights"


class _PartnerKeys:
    """A partner's keys as a command has them; all have one hash tag, and so one slot."""

    __slots__ = ("fixed", "nonce", "nonce_length")

    def __init__(self, partner_id: UUID) -> None:
        self.fixed = bulk(window_key(partner_id).encode()) + bulk(
            generation_key(partner_id).encode()
        )
        self.nonce = f"{{p:{partner_id}}}:nonce:".encode()
        self.nonce_length = len(self.nonce)


class _Batch:
    """Admissions that are asked for together."""

    __slots__ = ("asked", "keys", "waiting")

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.asked: list[bytes] = []
        self.waiting: list[asyncio.Future[Admission]] = []


class ValkeyAdmissionController:
    """Asks Valkey for admissions, those of one turn of the event loop in one call."""

    def __init__(self, client: Valkey) -> None:
        self._lane = ScriptConnection(client, SCRIPT)
        self._open = _Batch()
        self._batches: deque[_Batch] = deque()
        self._in_flight = 0
        self._partners: dict[int, _PartnerKeys] = {}
        self._used: set[int] = set()

    def admit(
        self, partner_id: UUID, *, generation: int, nonce: str, weight: int, budget: int
    ) -> "asyncio.Future[Admission]":
        """Burn the nonce and charge the weight; raise Unavailable without Valkey.

        A nonce is burnt even where the weight isn't admitted, so that nobody can send a refused
        call again later; but not by a call of a generation of secrets that has been replaced.
        """
        batch = self._open
        if not batch.waiting:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._flush)
        else:
            loop = batch.waiting[0].get_loop()
        keys = self._partners.get(partner_id.int) or self._prepare(partner_id)
        if weight:
            self._used.add(partner_id.int)
        batch.keys.append(
            b"%b$%d\r\n%b%b\r\n"
            % (keys.fixed, keys.nonce_length + len(nonce), keys.nonce, nonce.encode())
        )
        batch.asked.append(ASKED.pack(budget, weight, generation))
        future: asyncio.Future[Admission] = loop.create_future()
        batch.waiting.append(future)
        if len(batch.waiting) == MAX_PER_CALL:
            self._flush()
        return future

    def take_used(self) -> list[UUID]:
        """Return the partners that have called since this was last asked."""
        used, self._used = self._used, set()
        return [UUID(int=number) for number in used]

    async def newest_generation(self, partner_id: UUID) -> int:
        """Return the generation of secrets below which calls are refused; -1 where all pass.

        Raises Unavailable without Valkey.
        """
        return (await self.admit(partner_id, generation=0, nonce="", weight=0, budget=0)).left

    def _prepare(self, partner_id: UUID) -> _PartnerKeys:
        if len(self._partners) >= MAX_PARTNERS:
            self._partners.clear()
        keys = self._partners[partner_id.int] = _PartnerKeys(partner_id)
        return keys

    def _flush(self) -> None:
        if not self._open.waiting:
            return
        self._batches.append(self._open)
        self._open = _Batch()
        self._start()

    def _start(self) -> None:
        while self._in_flight < MAX_IN_FLIGHT and self._batches:
            batch = self._batches.popleft()
            self._in_flight += 1
            self._lane.call(
                batch.keys,
                KEYS_EACH * len(batch.waiting),
                b"".join(batch.asked),
                partial(self._answered, batch.waiting),
            )

    def _answered(
        self, waiting: "list[asyncio.Future[Admission]]", answer: bytes | Exception
    ) -> None:
        self._in_flight -= 1
        if isinstance(answer, Exception) or len(answer) != ANSWERED.size * len(waiting):
            _refuse(waiting, Unavailable(f"no admission from Valkey: {answer!r}"))
        else:
            for future, (verdict, left, wait_ms) in zip(
                waiting, ANSWERED.iter_unpack(answer), strict=True
            ):
                if not future.done():
                    future.set_result(Admission(_VERDICTS[verdict], left, wait_ms))
        self._start()


def _refuse(waiting: list[asyncio.Future[Admission]], error: Unavailable) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
