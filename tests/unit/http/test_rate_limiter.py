"""The rate limiter: numbers of calls per source and time, shared between workers."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import RateLimited
from domain.partners.unsigned_limits import Sources, UnsignedLimits, sources_of
from gateway.http import rate_limiter
from gateway.http.rate_limiter import ALONE_SECONDS, RateLimiter
from tests.support.counters import SharedCounters

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(
    clock: Clock, shared: SharedCounters | None = None, *, per_minute: int = 10, **limits: int
) -> RateLimiter:
    return RateLimiter(
        UnsignedLimits(name="orders", per_minute=per_minute, **limits),
        clock=clock,
        reserve=(shared or SharedCounters()).reserve,
    )


async def admits(limiter: RateLimiter, sources: Sources) -> bool:
    try:
        await limiter.admit(sources)
    except RateLimited:
        return False
    return True


async def admitted(limiter: RateLimiter, calls: int, address: str = "192.0.2.1") -> int:
    sources = sources_of(address)
    return sum([await admits(limiter, sources) for _ in range(calls)])


async def test_calls_above_the_limit_are_rejected(clock: Clock) -> None:
    assert await admitted(limiter(clock), 30) == 10


async def test_addresses_have_separate_limits(clock: Clock) -> None:
    one = limiter(clock)
    assert await admitted(one, 30, "192.0.2.1") == await admitted(one, 30, "192.0.2.2") == 10


async def test_a_limit_of_zero_admits_every_call(clock: Clock) -> None:
    shared = SharedCounters()
    assert await admitted(limiter(clock, shared, per_minute=0), 5_000) == 5_000
    assert shared.calls == 0


@pytest.mark.parametrize("second", [0, 10, 30, 59])
@pytest.mark.parametrize("calls", [10, 7])
async def test_a_call_is_admitted_after_retry_after_and_not_a_second_earlier(
    clock: Clock, second: int, calls: int
) -> None:
    clock.advance(second)
    one = limiter(clock)
    await admitted(one, calls)
    clock.advance(25)
    await admitted(one, 10)
    with pytest.raises(RateLimited) as rejected:
        await one.admit(sources_of("192.0.2.1"))
    clock.advance(rejected.value.retry_after - 1.01)
    assert await admitted(one, 1) == 0
    clock.advance(1.01)
    assert await admitted(one, 1) == 1


async def test_retry_after_is_that_of_the_longest_window(clock: Clock) -> None:
    one = limiter(clock, per_day=25)
    for _ in range(3):
        await admitted(one, 10)
        clock.advance(121)
    with pytest.raises(RateLimited) as rejected:
        await one.admit(sources_of("192.0.2.1"))
    clock.advance(rejected.value.retry_after - 61)
    assert await admitted(one, 1) == 0
    clock.advance(61)
    assert await admitted(one, 1) == 1


async def test_the_full_limit_is_available_after_two_idle_minutes(clock: Clock) -> None:
    one = limiter(clock)
    await admitted(one, 10)
    clock.advance(120)
    assert await admitted(one, 30) == 10


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("per_minute", [10, 600])
async def test_a_burst_over_several_workers_is_limited_to_within_5_percent(
    clock: Clock, workers: int, per_minute: int
) -> None:
    shared = SharedCounters()
    several = [limiter(clock, shared, per_minute=per_minute) for _ in range(workers)]
    source = sources_of("192.0.2.1")
    calls = [admits(several[number % workers], source) for number in range(2 * per_minute)]
    assert 0.95 * per_minute <= sum(await asyncio.gather(*calls)) <= per_minute


async def test_calls_that_arrive_together_share_a_round_trip(clock: Clock) -> None:
    shared = SharedCounters()
    one = limiter(clock, shared, per_minute=600)
    source = sources_of("192.0.2.1")
    await asyncio.gather(*(one.admit(source) for _ in range(200)))
    assert shared.calls == 1


async def test_round_trips_are_fewer_than_calls_and_none_is_needed_to_reject(clock: Clock) -> None:
    shared = SharedCounters()
    one = limiter(clock, shared, per_minute=600)
    assert await admitted(one, 600) == 600
    assert shared.calls == 150
    assert await admitted(one, 10_000) == 0
    assert shared.calls == 150


async def test_calls_granted_in_advance_are_valid_in_their_minute_only(clock: Clock) -> None:
    shared = SharedCounters()
    one = limiter(clock, shared, per_minute=600)
    assert await admitted(one, 1) == 1
    clock.advance(60)
    await admitted(one, 1)
    assert shared.calls == 2


async def test_a_worker_counts_alone_while_valkey_is_unavailable(clock: Clock) -> None:
    shared = SharedCounters()
    one = limiter(clock, shared)
    shared.unavailable = True
    assert await admitted(one, 15) == 10
    assert shared.calls == 1
    shared.unavailable = False
    clock.advance(ALONE_SECONDS)
    assert await admitted(one, 5) == 0
    assert await admitted(one, 15, "192.0.2.2") == 10


async def test_the_counters_of_a_valkey_that_lost_them_are_remembered(clock: Clock) -> None:
    shared = SharedCounters()
    one = limiter(clock, shared)
    await admitted(one, 9)
    shared.totals.clear()
    assert await admitted(one, 5) == 1


async def test_a_day_has_a_limit_of_its_own(clock: Clock) -> None:
    one = limiter(clock, per_day=35)
    by_minute = []
    for _ in range(5):
        by_minute.append(await admitted(one, 20))
        clock.advance(120)
    assert by_minute == [10, 10, 10, 5, 0]


async def test_all_sources_together_have_a_limit_per_day(clock: Clock) -> None:
    one = limiter(clock, all_per_day=25)
    counts = [await admitted(one, 20, f"192.0.2.{number}") for number in range(4)]
    assert counts == [10, 10, 5, 0]


async def test_few_sources_leave_the_reserved_part_to_new_ones(clock: Clock) -> None:
    one = limiter(clock, per_minute=10, all_per_minute=120, per_day=100, reserved_percent=25)
    spam = [await admitted(one, 10, f"192.0.2.{number}") for number in range(14)]
    assert sum(spam) < 120
    new = [await admitted(one, 2, f"198.51.100.{number}") for number in range(10)]
    assert new == [1] * 10
    newest = [await admitted(one, 1, f"203.0.113.{number}") for number in range(60)]
    assert sum(spam) + sum(new) + sum(newest) == 120


async def test_a_source_is_new_again_after_two_days(clock: Clock) -> None:
    one = limiter(clock, per_day=20, all_per_minute=2, reserved_percent=50)
    assert await admitted(one, 5) == 2
    clock.advance(86_400)
    assert await admitted(one, 5) == 1
    clock.advance(2 * 86_400)
    assert await admitted(one, 5) == 2


async def test_the_addresses_of_a_larger_ipv6_network_share_a_larger_limit(clock: Clock) -> None:
    counted = Counter[str]()
    one = limiter(clock, per_minute=10)
    for number in range(64):
        for subnet in range(16):
            address = f"2001:db8:1:{number:02x}{subnet:02x}::1"
            counted[f"{number}"] += await admitted(one, 12, address)
    assert counted["0"] == 20, "of a /56"
    assert sum(counted.values()) == 40, "of a /48"
    assert await admitted(one, 12, "2001:db8:2::1") == 10


async def test_a_source_is_not_new_if_its_larger_network_is_known(clock: Clock) -> None:
    one = limiter(clock, per_day=100, all_per_minute=20, reserved_percent=50)
    rotated = [await admitted(one, 1, f"2001:db8:1:{number:x}00::1") for number in range(30)]
    assert sum(rotated) == 11
    assert await admitted(one, 1, "2001:db8:2::1") == 1


async def test_the_number_of_counters_is_bounded(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "MAX_COUNTERS", 100)
    one = limiter(clock, per_minute=600)
    for number in range(150):
        await one.admit(sources_of(str(number)))
    assert len(one._counts) == len(one._leases) == 100
