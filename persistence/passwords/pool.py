"""Hashes passwords in the background, so that API calls are not delayed."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Protocol

from domain.errors import Unavailable
from persistence.passwords.process import IS_AVAILABLE, PasswordProcess
from persistence.passwords.tasks import Hash, IsCommon, Verify, Work

MAX_QUEUED: Final = 16
RESERVED: Final = 4
"""Further hashes that may be queued, for known devices and members only: whoever fills the queue
with wrong passwords does not keep them out."""
DEADLINE_SECONDS: Final = 1.0
"""For a hash that takes 20 to 40 ms; a saturated machine leaves the process no time."""
MAX_WAIT_SECONDS: Final = 2.0
"""In the queue, which takes 0.8 s when it is full; the process is too slow if it takes longer."""
PAUSE_SECONDS: Final = 30.0
"""How long the thread hashes after that."""
NICENESS: Final = 10


class BackgroundProcess(Protocol):
    """See PasswordProcess."""

    def perform(self, work: Work, /) -> bool | str | None:
        """Return the result, None if the work raised an error. Raises OSError."""

    def close(self) -> None:
        """End the process."""


class PasswordPool:
    """PasswordHasher in a process, or in a thread while the process is of no use.

    One hash at a time. Raises Unavailable when the queue is full.
    """

    def __init__(
        self,
        process: BackgroundProcess | None = None,
        *,
        max_queued: int = MAX_QUEUED,
        reserved: int = RESERVED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process or PasswordProcess(deadline_seconds=DEADLINE_SECONDS)
        self._process_from = 0.0 if process or IS_AVAILABLE else float("inf")
        self._monotonic = monotonic
        self._queue = ThreadPoolExecutor(1, "passwords")
        self._thread = ThreadPoolExecutor(1, "hashing", initializer=_lower_priority)
        self._free = max_queued + reserved
        self._reserved = reserved

    async def verify(self, password: str, stored: str | None, *, known: bool = False) -> bool:
        """See PasswordHasher."""
        return await self._run(Verify(password, stored), known=known) is True

    async def hash(self, password: str) -> str:
        """See PasswordHasher."""
        return str(await self._run(Hash(password), known=True))

    async def is_common(self, password: str, personal: Sequence[str]) -> bool:
        """See PasswordHasher."""
        return await self._run(IsCommon(password, list(personal)), known=True) is True

    def close(self) -> None:
        """Stop the threads and the process."""
        for threads in (self._queue, self._thread):
            threads.shutdown(wait=False, cancel_futures=True)
        self._process.close()

    async def _run(self, work: Work, *, known: bool) -> bool | str:
        if self._free <= (0 if known else self._reserved):
            raise Unavailable("too many passwords are being hashed")
        self._free -= 1
        running = asyncio.get_running_loop().run_in_executor(
            self._queue, self._result, work, self._monotonic()
        )
        running.add_done_callback(self._finished)  # also when the caller was cancelled
        return await asyncio.shield(running)

    def _result(self, work: Work, queued_at: float) -> bool | str:
        now = self._monotonic()
        if now >= self._process_from:
            try:
                if now - queued_at > MAX_WAIT_SECONDS:
                    raise TimeoutError
                result = self._process.perform(work)
            except OSError:
                self._process_from = self._monotonic() + PAUSE_SECONDS
            else:
                if result is not None:
                    return result
        hashed: Future[bool | str] = self._thread.submit(work.result)
        return hashed.result()

    def _finished(self, running: "asyncio.Future[bool | str]") -> None:
        self._free += 1
        if not running.cancelled():
            running.exception()


def _lower_priority() -> None:
    """Lower the thread's priority, on systems with per-thread priorities (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
