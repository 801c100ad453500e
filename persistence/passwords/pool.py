"""Passwords are hashed and checked beside the event loop, few at once, and after other work."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from domain.errors import Unavailable
from persistence.passwords.common import is_common
from persistence.passwords.hashing import hash_password, verify_password

THREADS: Final = 1
"""Of each worker: a hash takes a core for some 40 ms and 19 MiB, and calls of the API go first."""
MAX_WAITING: Final = 16
NICENESS: Final = 10

T = TypeVar("T")


class PasswordPool:
    """Hashes and checks passwords, so many at once; what comes beyond that is turned away."""

    def __init__(self, *, most_waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "passwords", initializer=_step_back)
        self._free = most_waiting

    async def verify(self, password: str, stored: str | None) -> bool:
        """Return what `verify_password` does; raise Unavailable."""
        return await self._run(lambda: verify_password(password, stored))

    async def hash(self, password: str) -> str:
        """Return what `hash_password` does; raise Unavailable."""
        return await self._run(lambda: hash_password(password))

    async def is_common(self, password: str, about: Sequence[str]) -> bool:
        """Return what `is_common` does; raise Unavailable."""
        return await self._run(lambda: is_common(password, about))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._free == 0:
            raise Unavailable("too many passwords are being checked")
        self._free -= 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(self._ended)  # also where nobody waits for it any more
        return await asyncio.shield(running)

    def _ended(self, running: "asyncio.Future[T]") -> None:
        self._free += 1
        if not running.cancelled():
            running.exception()


def _step_back() -> None:
    """Let the scheduler prefer other threads, where it knows priorities of threads (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
