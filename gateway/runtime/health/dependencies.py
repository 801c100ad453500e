"""The state of what all nodes share, each checked within a time limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
import structlog

TIME_LIMIT_SECONDS: Final = 1.0
"""The time limit of each check; they run at the same time."""
MAX_AGE_SECONDS: Final = 0.5
"""How long a report is served again: requests cannot cause more checks than that."""

log = structlog.get_logger()


class State(StrEnum):
    """The state of a dependency."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed out"
    READ_ONLY = "read only"
    """A PostgreSQL standby."""
    MISSING = "missing"
    """Migrations that this version needs."""
    WAITING = "waiting"
    """Commits, for a synchronous standby or a disk."""
    STALE = "stale"
    """Rates too old to be quoted."""


Probe = Callable[[], Awaitable[State]]


class DependencyReport(msgspec.Struct, frozen=True):
    """The states of all dependencies, by name."""

    states: Mapping[str, State]

    @property
    def ok(self) -> bool:
        """Return whether all of them are available."""
        return all(state is State.AVAILABLE for state in self.states.values())


class Dependencies:
    """Checks dependencies, at most twice a second however many requests want to know."""

    def __init__(
        self, probes: Mapping[str, Probe], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`probes` return the states, by name; one that raises an exception is unavailable."""
        self._probes = probes
        self._monotonic = monotonic
        self._checking: asyncio.Task[DependencyReport] | None = None
        self._checked_at = float("-inf")
        self._reported: DependencyReport | None = None

    async def report(self) -> DependencyReport:
        """Return the states, within the time limit."""
        running = self._checking
        if running is None or (
            running.done() and self._monotonic() - self._checked_at > MAX_AGE_SECONDS
        ):
            running = self._checking = asyncio.ensure_future(self._check())
        return await asyncio.shield(running)

    async def _check(self) -> DependencyReport:
        states = await asyncio.gather(*(_state_of(probe) for probe in self._probes.values()))
        report = DependencyReport(dict(zip(self._probes, states, strict=True)))
        self._checked_at = self._monotonic()
        if report != (self._reported or report):
            log.warning("dependencies changed", **report.states)
        self._reported = report
        return report


async def _state_of(probe: Probe) -> State:
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            return await probe()
    except TimeoutError:
        return State.TIMED_OUT
    except Exception:  # noqa: BLE001  for any reason, calls that need it fail
        return State.UNAVAILABLE
