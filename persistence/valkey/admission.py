"""Admission: nonce and weight of every signed call, in one atomic step on Valkey."""

import asyncio
from pathlib import Path
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.ports import Admission, Verdict
from persistence.valkey.generations import generation_key

SCRIPT: Final = (Path(__file__).parent / "admission.lua").read_text()
MOST_PER_CALL: Final = 16
"""Admissions that share one call: larger batches let us and Valkey take turns idling."""
DEADLINE_SECONDS: Final = 1.5


class AdmissionGate:
    """Asks Valkey for admissions, those of one turn of the event loop in one call."""

    def __init__(self, client: Valkey) -> None:
        self._script = client.register_script(SCRIPT)
        self._keys: list[str] = []
        self._arguments: list[int] = []
        self._waiting: list[asyncio.Future[Admission]] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def admit(
        self, partner_id: UUID, *, generation: int, nonce: str, weight: int, budget: int
    ) -> Admission:
        """Burn the nonce and charge the weight; raise Unavailable without Valkey.

        A nonce is burnt even where the weight isn't admitted, so that nobody can send a refused
        call again later; but not by a call of a generation of secrets that has been replaced.
        """
        return await self._asked(partner_id, nonce, budget, weight, generation)

    async def newest_generation(self, partner_id: UUID) -> int:
        """Return the generation of secrets below which calls are refused; -1 where all pass.

        Raises Unavailable without Valkey.
        """
        return (await self._asked(partner_id, "", 0, 0, 0)).left

    async def _asked(self, partner_id: UUID, nonce: str, *arguments: int) -> Admission:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Admission] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._keys += (
            f"{{p:{partner_id}}}:window",
            f"{{p:{partner_id}}}:nonce:{nonce}",
            generation_key(partner_id),
        )
        self._arguments += arguments
        self._waiting.append(future)
        if len(self._waiting) == MOST_PER_CALL:
            self._flush()
        return await future

    def _flush(self) -> None:
        if not self._waiting:
            return
        call = asyncio.ensure_future(self._ask(self._keys, self._arguments, self._waiting))
        self._keys, self._arguments, self._waiting = [], [], []
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _ask(
        self, keys: list[str], arguments: list[int], waiting: list[asyncio.Future[Admission]]
    ) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                reply = await self._script(keys=keys, args=arguments)
            for index, future in enumerate(waiting):
                if not future.done():
                    verdict, left, wait = reply[3 * index : 3 * index + 3]
                    future.set_result(Admission(Verdict(verdict), left, wait))
        except (ValkeyError, OSError, TimeoutError) as error:
            _refuse(waiting, Unavailable(f"no admission from Valkey: {error}"))
        finally:
            _refuse(waiting, Unavailable("admission was given up"))


def _refuse(waiting: list[asyncio.Future[Admission]], error: Unavailable) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
