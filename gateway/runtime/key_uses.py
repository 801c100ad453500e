"""Records which API keys are in use, at intervals rather than at each call."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from domain.errors import Unavailable

INTERVAL_SECONDS: Final = 10.0


async def keep_recording(
    active: Callable[[], Collection[str]], record: Callable[[Collection[str]], Awaitable[None]]
) -> None:
    """Record forever the keys that were used since the previous interval.

    While the database is unavailable, the uses of those intervals are lost: nothing depends on
    them.
    """
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        keys = active()
        if keys:
            with suppress(Unavailable):
                await record(keys)
