"""Counters of unsigned calls in Valkey: exact over workers, in all bounds of a call or in none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from valkey.asyncio import Valkey

from domain.errors import RateLimited
from domain.partners.unsigned_limits import Bounds, UnsignedLimits, sources_of
from gateway.http.rate_limiter import RateLimiter
from persistence.valkey.connection.client import connect
from persistence.valkey.counters import ValkeyCounters
from tests.conftest import Servers
from tests.support.counters import SharedCounters

NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
LIMITS = UnsignedLimits(
    name="orders",
    per_minute=10,
    per_day=40,
    all_per_minute=120,
    all_per_day=500,
    reserved_percent=25,
)
QUOTES = UnsignedLimits(name="quotes", per_minute=600)


class Clock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def clients(servers: Servers) -> AsyncIterator[list[Valkey]]:
    """Return clients that are as separate as those of several workers."""
    several = [connect(servers.valkey.url) for _ in range(4)]
    await several[0].flushall()
    yield several
    for client in several:
        await client.aclose()


def workers(clients: list[Valkey], limits: UnsignedLimits) -> list[RateLimiter]:
    return [
        RateLimiter(limits, clock=Clock(), reserve=ValkeyCounters(one).reserve) for one in clients
    ]


async def admitted(workers: list[RateLimiter], calls: int, *addresses: str) -> int:
    """Return how many of the concurrent calls from each address are admitted."""

    async def admits(number: int, address: str) -> bool:
        try:
            await workers[number % len(workers)].admit(sources_of(address))
        except RateLimited:
            return False
        return True

    concurrent = [admits(number, one) for number in range(calls) for one in addresses]
    return sum(await asyncio.gather(*concurrent))


async def test_concurrent_calls_over_four_workers_stay_within_5_percent_of_a_limit(
    clients: list[Valkey],
) -> None:
    assert await admitted(workers(clients, LIMITS), 100, "192.0.2.1") == 10
    several = workers(clients, QUOTES)
    await admitted(several, len(several), "198.51.100.1")  # connected: they count alone otherwise
    quotes = await admitted(several, 3_000, "192.0.2.1")
    assert 570 <= quotes <= 600


async def test_sources_that_alternate_between_workers_can_use_95_percent_of_a_limit(
    clients: list[Valkey],
) -> None:
    several = workers(clients, QUOTES)
    one_by_one = [await admitted([several[number % 4]], 1, "192.0.2.1") for number in range(800)]
    assert 570 <= sum(one_by_one) <= 600


async def test_spam_from_14_addresses_leaves_the_reserved_part_to_new_ones(
    clients: list[Valkey],
) -> None:
    several = workers(clients, LIMITS)
    spam = await admitted(several, 10, *(f"192.0.2.{number}" for number in range(14)))
    assert 90 <= spam <= 104
    assert await admitted(several, 1, *(f"198.51.100.{number}" for number in range(10))) == 10


async def test_addresses_rotated_within_a_48_share_its_limit(clients: list[Valkey]) -> None:
    rotated = [f"2001:db8:1:{number:x}::1" for number in range(0, 65_536, 256)]
    assert await admitted(workers(clients, LIMITS), 1, *rotated) == 40


async def test_counters_expire(clients: list[Valkey]) -> None:
    await admitted(workers(clients, LIMITS), 3, "192.0.2.1")
    (client, *_) = clients
    keys = [key async for key in client.scan_iter("*")]
    assert len(keys) == 6, "a minute and a day: its own, of all, of returning sources"
    assert all([0 < await client.ttl(key) <= 2 * 86_400 + 30 for key in keys])


@pytest.mark.parametrize("seconds", [0, 45, 60, 100, 86_400])
async def test_the_script_counts_like_the_counters_of_unit_tests(
    clients: list[Valkey], seconds: int
) -> None:
    counters, model = ValkeyCounters(clients[0]), SharedCounters()

    async def both(bounds: Bounds, wanted: int, time: float) -> None:
        expected = await model.reserve(bounds, wanted, time)
        assert await counters.reserve(bounds, wanted, time) == expected

    time = NOW.timestamp()
    for number in range(30):
        bounds = LIMITS.bounds(sources_of(f"2001:db8:1:{number % 7}00::1"))
        await both(bounds, 1 + number % 4, time)
    for number in range(30):
        await both(LIMITS.bounds(sources_of(f"192.0.2.{number % 11}")), 3, time + seconds)
