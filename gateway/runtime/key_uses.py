"""Puts down which partners' keys are used: once in a few seconds, however many calls there are."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final
from uuid import UUID

from domain.errors import Unavailable

EVERY_SECONDS: Final = 10.0


async def keep_recording(
    used: Callable[[], Collection[UUID]], note: Callable[[Collection[UUID]], Awaitable[None]]
) -> None:
    """Note again and again who has called since the last time.

    Without a database that time is missing: nothing depends on it.
    """
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        partners = used()
        if partners:
            with suppress(Unavailable):
                await note(partners)
