"""How much a partner's endpoint is sent at once, by how it has fared; and when it is left alone.

An endpoint that fails or is slow is sent less at a time. When half of a minute's attempts have
failed its circuit opens: nothing is sent but a single probe now and then, after waits that grow; a
probe that is taken closes it. So what a dead or slow endpoint costs is bounded, and small.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

MIN_CONCURRENCY: Final = 4
"""What a slow endpoint, or one that has just come back, is sent at once."""
SLOW: Final = timedelta(seconds=3)
"""An answer that takes longer counts against an endpoint's concurrency, though not as a failure."""
WINDOW: Final = timedelta(seconds=60)
OPENS_AT_FAILURES: Final = 5
"""So many failures of a window open a circuit, if they are half of its attempts or more."""
FIRST_WAIT: Final = timedelta(seconds=5)
MAX_WAIT: Final = timedelta(seconds=60)
"""A recovered endpoint is noticed within about so long."""
JITTER: Final = 0.10

Uniform = Callable[[float, float], float]


class CallOutcome(msgspec.Struct, frozen=True):
    """What an attempt tells of its endpoint."""

    started_at: datetime
    delivered: bool
    slow: bool


class CircuitBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an endpoint that has lately failed or been slow.

    `failed_at` is its last failure. While open: `opened_at` is since when, `probe_at` from when one
    event may be tried, `failed_probes` how many such were in vain.
    """

    concurrency: int
    window_began_at: datetime
    attempts: int = 0
    failures: int = 0
    failed_at: datetime | None = None
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    failed_probes: int = 0


class VersionedCircuitBreaker(msgspec.Struct, frozen=True):
    """A circuit as stored, and the version it was read at; version 0 isn't stored yet."""

    circuit: CircuitBreaker
    version: int


def record_outcome(
    circuit: CircuitBreaker | None,
    outcomes: Sequence[CallOutcome],
    *,
    now: datetime,
    most: int,
    uniform: Uniform,
) -> CircuitBreaker | None:
    """Return the circuit after these outcomes; None where there is nothing to remember.

    `most` is the concurrency of an endpoint in good health; `uniform(a, b)` draws jitter.
    """
    if circuit is None:
        if all(outcome.delivered and not outcome.slow for outcome in outcomes):
            return None
        circuit = CircuitBreaker(concurrency=most, window_began_at=now)
    if circuit.opened_at is not None:
        return _noted_open(circuit, outcomes, now, uniform)
    return _noted_closed(circuit, outcomes, now, most, uniform)


def _noted_closed(
    circuit: CircuitBreaker,
    outcomes: Sequence[CallOutcome],
    now: datetime,
    most: int,
    uniform: Uniform,
) -> CircuitBreaker | None:
    failures = sum(not outcome.delivered for outcome in outcomes)
    slow = any(outcome.slow for outcome in outcomes)
    over = now >= circuit.window_began_at + WINDOW
    if failures or slow:
        concurrency = max(circuit.concurrency // 2, min(MIN_CONCURRENCY, most))
    else:
        concurrency = min(circuit.concurrency + len(outcomes), most)
    if over and concurrency == most:
        return None
    after = msgspec.structs.replace(
        circuit,
        concurrency=concurrency,
        window_began_at=now if over else circuit.window_began_at,
        attempts=len(outcomes) + (0 if over else circuit.attempts),
        failures=failures + (0 if over else circuit.failures),
        failed_at=now if failures else circuit.failed_at,
    )
    if after.failures < OPENS_AT_FAILURES or after.failures * 2 < after.attempts:
        return after
    return msgspec.structs.replace(
        after, opened_at=now, probe_at=now + half_open_wait(0, uniform=uniform), failed_probes=0
    )


def _noted_open(
    circuit: CircuitBreaker, outcomes: Sequence[CallOutcome], now: datetime, uniform: Uniform
) -> CircuitBreaker:
    """Judge by the probe alone: what was sent before it became due says nothing new."""
    probes = [one for one in outcomes if circuit.probe_at and one.started_at >= circuit.probe_at]
    if any(probe.delivered for probe in probes):
        return CircuitBreaker(concurrency=MIN_CONCURRENCY, window_began_at=now)
    if all(outcome.delivered for outcome in outcomes):
        return circuit
    after = msgspec.structs.replace(circuit, failed_at=now)
    if not probes:
        return after
    failed_probes = circuit.failed_probes + 1
    return msgspec.structs.replace(
        after,
        failed_probes=failed_probes,
        probe_at=now + half_open_wait(failed_probes, uniform=uniform),
    )


def half_open_wait(failed_probes: int, *, uniform: Uniform) -> timedelta:
    """Return the wait before the next probe: 5 s at first, twice as long each time, up to 60 s."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(failed_probes, 10), MAX_WAIT)
    return wait * uniform(1 - JITTER, 1 + JITTER)
