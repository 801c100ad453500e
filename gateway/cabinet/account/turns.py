"""Lets requests that cost much wait for their turn, so that a burst leaves time for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import Unavailable


class Turns:
    """A few requests run at a time, a bounded number waits in order, and more are rejected."""

    def __init__(self, *, concurrent: int, max_waiting: int) -> None:
        self._running = asyncio.Semaphore(concurrent)
        self._free = concurrent + max_waiting

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a turn; raise Unavailable at once if too many wait already."""
        if self._free == 0:
            raise Unavailable("too many requests wait for their turn")
        self._free -= 1
        try:
            async with self._running:
                yield
        finally:
            self._free += 1
