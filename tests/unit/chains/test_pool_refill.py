"""Pools of pay-in addresses are refilled by demand, ahead of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.chains.pay_in import IMPORTED, PayInAccount, PayInAddress
from domain.chains.ports import StoredAccount
from feeds.settlement.addresses.derivation import sandbox_account
from feeds.settlement.addresses.refill import (
    IDLE_CHUNK,
    LOW_WATER,
    MAX_TARGET,
    MIN_CHUNK,
    MIN_TARGET,
    PoolAlarms,
    PoolRefill,
)

SECONDS = 0.25


class Pools:
    """Pools in memory: addresses are taken in the order in which they were added."""

    def __init__(self, *networks: str) -> None:
        self.stored = [StoredAccount(sandbox_account(network), 0) for network in networks]
        self.taken = dict.fromkeys(networks, 0)
        self.added = dict.fromkeys(networks, 0)
        self.counted = 0
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def free(self, network: str) -> int:
        return self.added[network] - self.taken[network]

    def take(self, network: str, count: int) -> None:
        assert count <= self.free(network), f"no free address on {network}"
        self.taken[network] += count

    async def accounts(self) -> Sequence[StoredAccount]:
        return self.stored

    async def next_free(self) -> Mapping[str, int]:
        return {network: taken for network, taken in self.taken.items() if self.free(network)}

    async def count_free(self, at_most: Mapping[str, int]) -> Mapping[str, int]:
        self.counted += len(at_most)
        return {network: min(self.free(network), bound) for network, bound in at_most.items()}

    async def add(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, indices: int
    ) -> int:
        network = stored.account.network
        self.added[network] += len(addresses)
        self.stored = [
            StoredAccount(one.account, one.next_index + indices) if one == stored else one
            for one in self.stored
        ]
        return len(addresses)


async def in_this_thread(
    derive: Callable[..., list[PayInAddress]], *args: Any, **kwargs: Any
) -> Any:
    return derive(*args, **kwargs)


def refill_of(pools: Pools, report: Callable[[str, int], None] | None = None) -> PoolRefill:
    reports = {} if report is None else {"report": report}
    return PoolRefill(pools, clock=pools, to_thread=in_this_thread, **reports)


async def rounds(refill: PoolRefill, pools: Pools, count: int) -> None:
    for _ in range(count):
        pools.time += timedelta(seconds=SECONDS)
        await refill.round()


async def test_every_network_has_some_addresses_after_one_round() -> None:
    pools = Pools("Cosmos", "Stellar", "TON")
    await rounds(refill_of(pools), pools, 1)
    assert pools.added == {"Cosmos": MIN_CHUNK, "Stellar": MIN_CHUNK, "TON": MIN_CHUNK}


async def test_without_demand_pools_fill_slowly_up_to_their_target() -> None:
    pools = Pools("Cosmos", "Stellar")
    refill = refill_of(pools)
    await rounds(refill, pools, LOW_WATER // MIN_CHUNK)
    assert pools.added == {"Cosmos": LOW_WATER, "Stellar": LOW_WATER}
    await rounds(refill, pools, 1)
    assert sum(pools.added.values()) == 2 * LOW_WATER + IDLE_CHUNK
    await rounds(refill, pools, 200)
    assert pools.added == {"Cosmos": MIN_TARGET, "Stellar": MIN_TARGET}
    assert refill.free == pools.added


async def test_a_round_without_demand_counts_nothing() -> None:
    pools = Pools("Cosmos", "Stellar")
    refill = refill_of(pools)
    await rounds(refill, pools, 200)
    counted = pools.counted
    await rounds(refill, pools, 100)
    assert pools.counted == counted


@pytest.mark.parametrize("per_second", [100, 900, 1_800])
async def test_a_lasting_burst_never_empties_a_full_pool(per_second: int) -> None:
    pools = Pools("Cosmos")
    refill = refill_of(pools)
    await rounds(refill, pools, 100)
    for _ in range(40):
        pools.take("Cosmos", int(per_second * SECONDS))
        await rounds(refill, pools, 1)
    assert pools.free("Cosmos") >= MIN_TARGET // 2


async def test_the_target_follows_the_highest_demand_and_fades() -> None:
    pools = Pools("Cosmos")
    refill = refill_of(pools)
    await rounds(refill, pools, 100)
    for _ in range(100):
        pools.take("Cosmos", 100)
        await rounds(refill, pools, 1)
    await rounds(refill, pools, 200)
    assert pools.free("Cosmos") == 4_000
    for count in (1, 3_500):
        pools.time += timedelta(hours=6)
        pools.take("Cosmos", count)
        await rounds(refill, pools, 10)
    assert pools.free("Cosmos") == MIN_TARGET
    for _ in range(20):
        pools.take("Cosmos", 900)
        await rounds(refill, pools, 2)
    await rounds(refill, pools, 500)
    assert pools.free("Cosmos") == MAX_TARGET


async def test_a_low_imported_pool_is_reported_and_not_filled() -> None:
    pools = Pools("Cosmos")
    pools.stored = [StoredAccount(PayInAccount("Solana", IMPORTED, ""), 250)]
    pools.taken, pools.added = {"Solana": 0}, {"Solana": 250}
    refill = refill_of(pools, PoolAlarms().report)
    with capture_logs() as logs:
        await rounds(refill, pools, 3)
        assert logs == []
        pools.take("Solana", 100)
        await rounds(refill, pools, 3)
    assert [(log["event"], log["left"]) for log in logs] == [("imported pay-in addresses low", 150)]
    assert pools.added == {"Solana": 250}


async def test_an_exhausted_account_is_reported_once() -> None:
    pools = Pools("Cosmos")
    (stored,) = pools.stored
    pools.stored = [StoredAccount(stored.account, 2**32)]
    refill = refill_of(pools)
    with capture_logs() as logs:
        await rounds(refill, pools, 5)
    assert [log["event"] for log in logs] == ["pay-in addresses exhausted"]
