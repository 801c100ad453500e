"""Check the rates: whether they are fresh, and which exchanges and coins have problems."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe
from domain.clock import Clock
from domain.market.rates import RateSnapshot

OUTDATED_AFTER_SECONDS: Final = 60


class RateSources(msgspec.Struct, frozen=True):
    """What the rates process reported at `at`, in unix seconds.

    `failing` maps exchanges to their errors; on the coins in `withdrawn` too few sources agree.
    """

    at: float
    failing: Mapping[str, str]
    withdrawn: Sequence[str]


class RatesHealth(msgspec.Struct, frozen=True):
    """What is known of the rates; None without any, or in the sandbox without sources."""

    snapshot: Callable[[], Awaitable[RateSnapshot | None]]
    sources: Callable[[], Awaitable[RateSources | None]]


def rates_checks(health: RatesHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks."""
    return [
        ("rates", lambda: _freshness(health, clock)),
        ("rate-sources", lambda: _sources(health, clock)),
    ]


async def _freshness(health: RatesHealth, clock: Clock) -> str | None:
    snapshot = await health.snapshot()
    if snapshot is None:
        return "Start `swapgate rates`: there are no rates"
    now = clock.now().timestamp()
    if not snapshot.is_stale(now):
        return None
    return f"Start `swapgate rates`: the newest are {now - snapshot.at:.0f} s old"


async def _sources(health: RatesHealth, clock: Clock) -> str | None:
    sources = await health.sources()
    if sources is None or clock.now().timestamp() - sources.at > OUTDATED_AFTER_SECONDS:
        return None  # the rates process has stopped, which the check of the rates reports
    problems = []
    if sources.failing:
        failing = ", ".join(f"{name} ({error})" for name, error in sources.failing.items())
        problems.append(f"these exchanges fail: {failing}")
    if sources.withdrawn:
        problems.append(f"too few sources agree on these coins: {', '.join(sources.withdrawn)}")
    return f"See the log of `swapgate rates`: {'; '.join(problems)}" if problems else None
