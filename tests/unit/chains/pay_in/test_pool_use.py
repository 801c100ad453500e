"""The rate at which pay-in addresses are used."""

import pytest

from domain.chains.pay_in import IMPORTED
from domain.chains.pool_use import PoolUse, ending_pools, reusing_pools, unfunded_pools


@pytest.mark.parametrize(
    ("kind", "free", "used", "days"),
    [
        (IMPORTED, 500, 100, 5.0),
        (IMPORTED, 0, 100, 0.0),
        (IMPORTED, 500, 0, float("inf")),
        ("bip84", 5, 100, float("inf")),
    ],
)
def test_an_imported_pool_lasts_as_long_as_the_last_days_rate_allows(
    kind: str, free: int, used: int, days: float
) -> None:
    assert PoolUse("Solana", kind, free, used, funded=0).days_left == days


def test_pools_that_end_within_a_week_are_named_with_their_rate() -> None:
    pools = [PoolUse("Solana", IMPORTED, 70, 11, 11), PoolUse("Solana", IMPORTED, 70, 10, 10)]
    assert ending_pools(pools) == ["Solana (11 addresses per day, 6.4 days left)"]


def test_pools_whose_many_orders_are_hardly_ever_paid_are_named() -> None:
    pools = [
        PoolUse("Bitcoin", "bip84", 900, 1_000, 9),
        PoolUse("Litecoin", "bip84", 900, 1_000, 10),
        PoolUse("Dash", "bip44", 900, 999, 0),
    ]
    assert unfunded_pools(pools) == ["Bitcoin (1000 addresses in the last day, 9 with a deposit)"]


def test_the_networks_that_reuse_addresses_are_named() -> None:
    pools = [PoolUse("Litecoin", "bip84", 5, 0, 0, reuse=True), PoolUse("Tron", "bip44", 5, 0, 0)]
    assert reusing_pools(pools) == ["Litecoin"]
