"""Hashes passwords in a low-priority thread, so that API calls are not delayed."""

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
"""Per worker: a hash occupies a core for about 40 ms, and API calls take precedence."""
MAX_QUEUED: Final = 16
RESERVED: Final = 4
"""Further hashes that may be queued, for known devices and members only: whoever fills the queue
with wrong passwords does not keep them out."""
NICENESS: Final = 10

T = TypeVar("T")


class PasswordPool:
    """PasswordHasher in a thread. Raises Unavailable when the queue is full."""

    def __init__(self, *, max_queued: int = MAX_QUEUED, reserved: int = RESERVED) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "passwords", initializer=_lower_priority)
        self._free = max_queued + reserved
        self._reserved = reserved

    async def verify(self, password: str, stored: str | None, *, known: bool = False) -> bool:
        """See PasswordHasher."""
        return await self._run(lambda: verify_password(password, stored), known=known)

    async def hash(self, password: str) -> str:
        """See PasswordHasher."""
        return await self._run(lambda: hash_password(password), known=True)

    async def is_common(self, password: str, personal: Sequence[str]) -> bool:
        """See PasswordHasher."""
        return await self._run(lambda: is_common(password, personal), known=True)

    def close(self) -> None:
        """Stop the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T], *, known: bool) -> T:
        if self._free <= (0 if known else self._reserved):
            raise Unavailable("too many passwords are being hashed")
        self._free -= 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(self._finished)  # also when the caller was cancelled
        return await asyncio.shield(running)

    def _finished(self, running: "asyncio.Future[T]") -> None:
        self._free += 1
        if not running.cancelled():
            running.exception()


def _lower_priority() -> None:
    """Lower the thread's priority, on systems with per-thread priorities (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
