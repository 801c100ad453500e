"""Runs the recurring rounds of settlement: choices, expiry, address refill, sandbox steps."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from domain.errors import Unavailable

log = structlog.get_logger()


async def repeat(
    name: str, round_once: Callable[[], Awaitable[int]], *, every_seconds: float
) -> None:
    """Run a round again and again: at once after a full one, else after a pause.

    A round returns how much it found to do. What it raises is logged, and the next round runs.
    """
    reachable = True
    while True:
        found = 0
        try:
            found = await round_once()
            if not reachable:
                log.info("round works again", round=name)
            reachable = True
        except Unavailable as error:
            if reachable:
                log.warning("round has to wait", round=name, why=str(error))
            reachable = False
        except Exception:
            log.exception("round failed", round=name)
        if found == 0:
            await asyncio.sleep(every_seconds)
        else:
            await asyncio.sleep(min(every_seconds, 0.1))
