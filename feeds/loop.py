"""The resilient loop: runs a step until it is stopped, and backs off while the step fails."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from domain.errors import Unavailable

BUSY_PAUSE_SECONDS: Final = 0.1
"""Pause between two rounds while there is work: other loops of the process run meanwhile."""
JITTER: Final = 0.2
MAX_DOUBLINGS: Final = 32
MAX_REASON_LENGTH: Final = 200

Step = Callable[[], Awaitable[float | None]]
"""One run of a loop; returns the seconds to pause before the next run (None or 0: no pause)."""
Uniform = Callable[[float, float], float]
"""Returns a random number between two bounds, as `random.uniform`."""

Wait = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits for some seconds, or until the event is set."""

_log = structlog.get_logger(__name__)


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses after consecutive failures: each twice as long as the one before, within bounds.

    Each pause is varied by up to 20 %, so that processes that failed together do not return
    together; the bounds hold after the variation.
    """

    min_seconds: float = 0.1
    max_seconds: float = 2.0

    def pause(self, failures: int, *, uniform: Uniform) -> float:
        """Return the seconds to pause after `failures` (at least 1) consecutive failures."""
        doubled = self.min_seconds * 2.0 ** min(failures - 1, MAX_DOUBLINGS)
        varied = min(doubled, self.max_seconds) * uniform(1 - JITTER, 1 + JITTER)
        return min(max(varied, self.min_seconds), self.max_seconds)


DEFAULT_BACKOFF: Final = Backoff()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, for at most `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def run_forever(
    step: Step,
    *,
    name: str,
    stop: asyncio.Event | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
    expected: type[Exception] = Unavailable,
    wait: Wait = wait_for,
    uniform: Uniform = random.uniform,
) -> None:
    """Run `step` until `stop` is set or the task is cancelled.

    After a failure the loop pauses by `backoff`; a success resets it. Of `expected` failures only
    the first in a row is logged, as a warning, and the recovery; any other is a defect and is
    logged as an error each time.
    """
    stop = stop or asyncio.Event()
    failures, interrupted = 0, False
    while not stop.is_set():
        try:
            pause = await step()
        except Exception as error:  # noqa: BLE001  one failed step must not end the loop
            if not isinstance(error, expected):
                _log.exception("loop step failed", loop=name)
            elif not interrupted:
                _log.warning("loop interrupted", loop=name, reason=reason_of(error))
                interrupted = True
            failures += 1
            await wait(stop, backoff.pause(failures, uniform=uniform))
            continue
        if failures:
            _log.info("loop resumed", loop=name, failures=failures)
        failures, interrupted = 0, False
        if pause:
            await wait(stop, pause)


async def poll_forever(
    name: str,
    round_once: Callable[[], Awaitable[int]],
    *,
    every_seconds: float,
    wake: asyncio.Event | None = None,
    wait: Wait = wait_for,
) -> None:
    """Run `round_once` until cancelled: every `every_seconds`, and sooner while there is work.

    A round returns how many items it processed. Setting `wake` begins the next one at once.
    """
    wake = wake or asyncio.Event()

    async def step() -> None:
        wake.clear()
        processed = await round_once()
        await wait(wake, min(every_seconds, BUSY_PAUSE_SECONDS) if processed else every_seconds)

    longest = max(every_seconds, DEFAULT_BACKOFF.max_seconds)
    backoff = Backoff(min_seconds=every_seconds, max_seconds=longest)
    await run_forever(step, name=name, backoff=backoff, wait=wait)


def reason_of(error: Exception) -> str:
    """Return an error's type and message, shortened for logs and reports."""
    return f"{type(error).__name__}: {error}"[:MAX_REASON_LENGTH]
