"""The circuit breaker of a webhook endpoint: how much it may be sent at once, and when to pause.

An endpoint that fails or is slow is sent fewer events at once. When at least half of the attempts
within a minute have failed, the breaker opens: nothing is sent except a single half-open trial from
time to time, after delays that grow; a trial that succeeds closes the breaker. The cost of an
unavailable or slow endpoint is therefore small and bounded.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

MIN_CONCURRENCY: Final = 4
"""Events sent at once to a slow endpoint, or to one that has just recovered."""
SLOW: Final = timedelta(seconds=3)
"""A longer response reduces an endpoint's concurrency, but does not count as a failure."""
WINDOW: Final = timedelta(seconds=60)
MIN_FAILURES_TO_OPEN: Final = 5
"""Failures in a window that open a breaker, if they are half of its attempts or more."""
MIN_TRIAL_DELAY: Final = timedelta(seconds=5)
MAX_TRIAL_DELAY: Final = timedelta(seconds=60)
"""A recovered endpoint is detected within about this time."""
JITTER: Final = 0.10

Uniform = Callable[[float, float], float]
"""Returns a random number between two bounds, as `random.uniform`."""


class CallOutcome(msgspec.Struct, frozen=True):
    """What one attempt says about its endpoint."""

    started_at: datetime
    delivered: bool
    slow: bool


class CircuitBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an endpoint that has recently failed or been slow; others have none.

    `failed_at` is the time of its last failure. While the breaker is open, `opened_at` is when it
    opened, `half_open_at` when the next trial is due, and `failed_trials` how many trials have
    failed since.
    """

    concurrency: int
    window_started_at: datetime
    attempts: int = 0
    failures: int = 0
    failed_at: datetime | None = None
    opened_at: datetime | None = None
    half_open_at: datetime | None = None
    failed_trials: int = 0


class VersionedCircuitBreaker(msgspec.Struct, frozen=True):
    """A breaker and the version it was stored with; version 0 is not stored yet."""

    circuit_breaker: CircuitBreaker
    version: int


def record_outcomes(
    breaker: CircuitBreaker | None,
    outcomes: Sequence[CallOutcome],
    *,
    now: datetime,
    max_concurrency: int,
    uniform: Uniform,
) -> CircuitBreaker | None:
    """Return the breaker after these outcomes; None for an endpoint in good health.

    `max_concurrency` is the concurrency of an endpoint in good health; `uniform` draws jitter.
    """
    if breaker is None:
        if all(outcome.delivered and not outcome.slow for outcome in outcomes):
            return None
        breaker = CircuitBreaker(concurrency=max_concurrency, window_started_at=now)
    if breaker.opened_at is not None:
        return _record_open(breaker, outcomes, now, uniform)
    return _record_closed(breaker, outcomes, now, max_concurrency, uniform)


def _record_closed(
    breaker: CircuitBreaker,
    outcomes: Sequence[CallOutcome],
    now: datetime,
    max_concurrency: int,
    uniform: Uniform,
) -> CircuitBreaker | None:
    failures = sum(not outcome.delivered for outcome in outcomes)
    slow = any(outcome.slow for outcome in outcomes)
    window_ended = now >= breaker.window_started_at + WINDOW
    if failures or slow:
        concurrency = max(breaker.concurrency // 2, min(MIN_CONCURRENCY, max_concurrency))
    else:
        concurrency = min(breaker.concurrency + len(outcomes), max_concurrency)
    if window_ended and concurrency == max_concurrency:
        return None
    after = msgspec.structs.replace(
        breaker,
        concurrency=concurrency,
        window_started_at=now if window_ended else breaker.window_started_at,
        attempts=len(outcomes) + (0 if window_ended else breaker.attempts),
        failures=failures + (0 if window_ended else breaker.failures),
        failed_at=now if failures else breaker.failed_at,
    )
    if after.failures < MIN_FAILURES_TO_OPEN or after.failures * 2 < after.attempts:
        return after
    return msgspec.structs.replace(
        after, opened_at=now, half_open_at=now + trial_delay(0, uniform=uniform), failed_trials=0
    )


def _record_open(
    breaker: CircuitBreaker, outcomes: Sequence[CallOutcome], now: datetime, uniform: Uniform
) -> CircuitBreaker:
    """Decide by the trial alone: attempts that started before it was due prove nothing."""
    due = breaker.half_open_at
    trials = [outcome for outcome in outcomes if due and outcome.started_at >= due]
    if any(trial.delivered for trial in trials):
        return CircuitBreaker(concurrency=MIN_CONCURRENCY, window_started_at=now)
    if all(outcome.delivered for outcome in outcomes):
        return breaker
    after = msgspec.structs.replace(breaker, failed_at=now)
    if not trials:
        return after
    failed_trials = breaker.failed_trials + 1
    return msgspec.structs.replace(
        after,
        failed_trials=failed_trials,
        half_open_at=now + trial_delay(failed_trials, uniform=uniform),
    )


def trial_delay(failed_trials: int, *, uniform: Uniform) -> timedelta:
    """Return the delay before the next trial: 5 s at first, then doubled each time, up to 60 s."""
    delay: timedelta = min(MIN_TRIAL_DELAY * 2 ** min(failed_trials, 10), MAX_TRIAL_DELAY)
    return delay * uniform(1 - JITTER, 1 + JITTER)
