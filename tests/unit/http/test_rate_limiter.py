"""The rate limiter: a number of calls per address and minute, shared between workers."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import RateLimited, Unavailable
from gateway.http.rate_limiter import MAX_ADDRESSES, Counts, RateLimiter

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Shared:
    """The counts that the workers share."""

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, int]] = Counter()
        self.unavailable = False

    async def add(self, counts: Counts) -> Counts:
        if self.unavailable:
            raise Unavailable
        self.totals.update(counts)
        return {key: self.totals[key] for key in counts}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(clock: Clock, shared: Shared | None = None, *, per_minute: int = 10) -> RateLimiter:
    return RateLimiter(per_minute=per_minute, clock=clock, share=(shared or Shared()).add)


def admitted(limiter: RateLimiter, calls: int, address: str = "192.0.2.1") -> int:
    passed = 0
    for _ in range(calls):
        try:
            limiter.admit(address)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_calls_above_the_limit_are_rejected(clock: Clock) -> None:
    assert admitted(limiter(clock), 30) == 10


def test_addresses_have_separate_limits(clock: Clock) -> None:
    one = limiter(clock)
    assert admitted(one, 30, "192.0.2.1") == admitted(one, 30, "192.0.2.2") == 10


def test_a_limit_of_zero_admits_every_call(clock: Clock) -> None:
    assert admitted(limiter(clock, per_minute=0), 5_000) == 5_000


@pytest.mark.parametrize("second", [0, 10, 30, 59])
@pytest.mark.parametrize("calls", [10, 7])
def test_a_call_is_admitted_after_retry_after_and_not_a_second_earlier(
    clock: Clock, second: int, calls: int
) -> None:
    clock.advance(second)
    one = limiter(clock)
    admitted(one, calls)
    clock.advance(25)
    admitted(one, 10)
    with pytest.raises(RateLimited) as rejected:
        one.admit("192.0.2.1")
    clock.advance(rejected.value.retry_after - 1.01)
    assert admitted(one, 1) == 0
    clock.advance(1.01)
    assert admitted(one, 1) == 1


def test_the_full_limit_is_available_after_two_idle_minutes(clock: Clock) -> None:
    one = limiter(clock)
    admitted(one, 10)
    clock.advance(120)
    assert admitted(one, 30) == 10


def test_calls_counted_by_another_worker_reduce_the_limit(clock: Clock) -> None:
    shared = Shared()
    one, other = limiter(clock, shared), limiter(clock, shared)
    assert admitted(one, 6) == 6
    asyncio.run(one.share())
    assert admitted(other, 1) == 1
    asyncio.run(other.share())
    assert admitted(other, 10) == 3
    asyncio.run(other.share())
    clock.advance(60)
    assert admitted(other, 1) == 0


def test_a_worker_counts_alone_while_counts_cannot_be_shared(clock: Clock) -> None:
    shared = Shared()
    one = limiter(clock, shared)
    shared.unavailable = True
    admitted(one, 10)
    asyncio.run(one.share())
    assert admitted(one, 5) == 0


def test_the_number_of_tracked_addresses_is_bounded(clock: Clock) -> None:
    one = limiter(clock)
    for number in range(MAX_ADDRESSES + 100):
        one.admit(str(number))
    assert len(one._windows) == MAX_ADDRESSES
