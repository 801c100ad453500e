"""A loop that goes on until it is told to stop, whatever goes away and comes back meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from domain.errors import Unavailable

MIN_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


async def keep_doing(
    step: Callable[[], Awaitable[None]], *, name: str, stop: asyncio.Event
) -> None:
    """Do `step` again and again until `stop`; after a failure pause 0.1 s, then longer, up to 2 s.

    Where a server is missing, only its going and its coming back are logged. Anything else that
    goes wrong is a defect: logged as an error, every time.
    """
    failures = 0
    while not stop.is_set():
        try:
            await step()
        except Unavailable as error:
            if failures == 0:
                _log.warning("interrupted", loop=name, reason=str(error))
        except Exception:  # noqa: BLE001  the loop must outlive its defects
            _log.exception("failed", loop=name)
        else:
            if failures:
                _log.info("resumed", loop=name, failures=failures)
            failures = 0
            continue
        failures += 1
        await wait_for(stop, seconds=pause_after(failures))


def pause_after(failures: int) -> float:
    """Return how many seconds to pause after so many failures (1 or more) in a row."""
    return min(MIN_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), MAX_PAUSE_SECONDS)


async def wait_for(event: asyncio.Event, *, seconds: float) -> None:
    """Wait until `event` is set, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
