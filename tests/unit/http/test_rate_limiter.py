"""The guard of unsigned quotes: a minute's worth for each address, shared between workers."""

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
    """What the workers have counted together."""

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, int]] = Counter()
        self.away = False

    async def add(self, counts: Counts) -> Counts:
        if self.away:
            raise Unavailable
        self.totals.update(counts)
        return {key: self.totals[key] for key in counts}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guard(clock: Clock, shared: Shared | None = None, *, per_minute: int = 10) -> RateLimiter:
    return RateLimiter(per_minute=per_minute, clock=clock, share=(shared or Shared()).add)


def admitted(guard: RateLimiter, calls: int, address: str = "192.0.2.1") -> int:
    passed = 0
    for _ in range(calls):
        try:
            guard.admit(address)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_so_many_pass_and_no_more(clock: Clock) -> None:
    assert admitted(guard(clock), 30) == 10


def test_addresses_do_not_share_a_budget(clock: Clock) -> None:
    one = guard(clock)
    assert admitted(one, 30, "192.0.2.1") == admitted(one, 30, "192.0.2.2") == 10


def test_zero_is_no_guard(clock: Clock) -> None:
    assert admitted(guard(clock, per_minute=0), 5_000) == 5_000


@pytest.mark.parametrize("second", [0, 10, 30, 59])
@pytest.mark.parametrize("calls", [10, 7])
def test_the_wait_it_names_is_enough_and_not_too_long(
    clock: Clock, second: int, calls: int
) -> None:
    clock.advance(second)
    one = guard(clock)
    admitted(one, calls)
    clock.advance(25)
    admitted(one, 10)
    with pytest.raises(RateLimited) as refused:
        one.admit("192.0.2.1")
    clock.advance(refused.value.retry_after - 1.01)
    assert admitted(one, 1) == 0
    clock.advance(1.01)
    assert admitted(one, 1) == 1


def test_after_two_quiet_minutes_all_is_forgotten(clock: Clock) -> None:
    one = guard(clock)
    admitted(one, 10)
    clock.advance(120)
    assert admitted(one, 30) == 10


def test_workers_learn_of_each_others_calls(clock: Clock) -> None:
    shared = Shared()
    one, other = guard(clock, shared), guard(clock, shared)
    assert admitted(one, 6) == 6
    asyncio.run(one.share())
    assert admitted(other, 1) == 1
    asyncio.run(other.share())
    assert admitted(other, 10) == 3
    asyncio.run(other.share())
    clock.advance(60)
    assert admitted(other, 1) == 0


def test_without_the_others_a_worker_counts_alone(clock: Clock) -> None:
    shared = Shared()
    one = guard(clock, shared)
    shared.away = True
    admitted(one, 10)
    asyncio.run(one.share())
    assert admitted(one, 5) == 0


def test_a_flood_of_addresses_is_held_in_bounds(clock: Clock) -> None:
    one = guard(clock)
    for number in range(MAX_ADDRESSES + 100):
        one.admit(str(number))
    assert len(one._seen) == MAX_ADDRESSES
