"""Admission: nonce and weight of every signed call, in one atomic step on Valkey."""

import asyncio
from collections import deque
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.ports import Admission, Verdict
from persistence.valkey.generations import generation_key
from persistence.valkey.script_lane import ScriptLane, bulk

SCRIPT: Final = (Path(__file__).parent / "admission.lua").read_text()
MOST_PER_CALL: Final = 16
"""Admissions that share one call: larger batches let us and Valkey take turns idling."""
LANES: Final = 4
"""Calls in flight at once."""
MOST_PARTNERS: Final = 20_000
"""Partners whose keys are kept ready."""
KEYS_EACH: Final = 3
ASKED: Final = Struct(">III")
"""Budget, weight, generation."""
ANSWERED: Final = Struct(">iii")
"""Verdict, weight left, milliseconds to wait."""

_VERDICTS: Final = tuple(Verdict)


class _PartnerKeys:
    """A partner's keys as a command has them; all have one hash tag, and so one slot."""

    __slots__ = ("fixed", "nonce", "nonce_length")

    def __init__(self, partner_id: UUID) -> None:
        window = f"{{p:{partner_id}}}:weights".encode()
        self.fixed = bulk(window) + bulk(generation_key(partner_id).encode())
        self.nonce = f"{{p:{partner_id}}}:nonce:".encode()
        self.nonce_length = len(self.nonce)


class _Batch:
    """Admissions that are asked for together."""

    __slots__ = ("asked", "keys", "waiting")

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.asked: list[bytes] = []
        self.waiting: list[asyncio.Future[Admission]] = []


class AdmissionGate:
    """Asks Valkey for admissions, those of one turn of the event loop in one call."""

    def __init__(self, client: Valkey) -> None:
        self._idle = [ScriptLane(client, SCRIPT) for _ in range(LANES)]
        self._open = _Batch()
        self._batches: deque[_Batch] = deque()
        self._busy: set[asyncio.Task[None]] = set()
        self._partners: dict[int, _PartnerKeys] = {}

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
        batch.keys.append(
            b"%b$%d\r\n%b%b\r\n"
            % (keys.fixed, keys.nonce_length + len(nonce), keys.nonce, nonce.encode())
        )
        batch.asked.append(ASKED.pack(budget, weight, generation))
        future: asyncio.Future[Admission] = loop.create_future()
        batch.waiting.append(future)
        if len(batch.waiting) == MOST_PER_CALL:
            self._flush()
        return future

    async def newest_generation(self, partner_id: UUID) -> int:
        """Return the generation of secrets below which calls are refused; -1 where all pass.

        Raises Unavailable without Valkey.
        """
        return (await self.admit(partner_id, generation=0, nonce="", weight=0, budget=0)).left

    def _prepare(self, partner_id: UUID) -> _PartnerKeys:
        if len(self._partners) >= MOST_PARTNERS:
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
        while self._idle and self._batches:
            lane = self._idle.pop()
            task = asyncio.ensure_future(self._work(lane))
            self._busy.add(task)
            task.add_done_callback(partial(self._ended, lane))

    async def _work(self, lane: ScriptLane) -> None:
        while self._batches:
            await _ask(lane, self._batches.popleft())

    def _ended(self, lane: ScriptLane, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        self._idle.append(lane)
        self._start()


async def _ask(lane: ScriptLane, batch: _Batch) -> None:
    waiting = batch.waiting
    try:
        answer = await lane.run(batch.keys, KEYS_EACH * len(waiting), b"".join(batch.asked))
        for future, (verdict, left, wait_ms) in zip(
            waiting, ANSWERED.iter_unpack(answer), strict=True
        ):
            if not future.done():
                future.set_result(Admission(_VERDICTS[verdict], left, wait_ms))
    except (ValkeyError, OSError, TimeoutError) as error:
        _refuse(waiting, Unavailable(f"no admission from Valkey: {error}"))
    finally:
        _refuse(waiting, Unavailable("admission was given up"))


def _refuse(waiting: list[asyncio.Future[Admission]], error: Unavailable) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
