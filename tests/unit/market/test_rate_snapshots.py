"""Which snapshot is quoted from: fresh ones, whatever clocks do."""

import pytest

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from gateway.runtime.market import LiveMarket

NOW = 10_000.0


class SetClock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


def snapshot(at: float, **prices: int) -> RateSnapshot:
    return RateSnapshot(at=at, prices=prices or {"BTC": 1})


@pytest.mark.parametrize(
    ("age", "stale"), [(0, False), (60, False), (60.1, True), (-5, False), (-5.1, True)]
)
def test_a_snapshot_is_fresh_for_a_minute(age: float, stale: bool) -> None:
    assert snapshot(NOW - age).is_stale(NOW) is stale


def test_new_snapshots_are_adopted_after_a_clock_was_set_back() -> None:
    clock = SetClock()
    market = LiveMarket(unix_time=clock)
    market.adopt_snapshot(snapshot(NOW, BTC=1))
    clock.at -= 3_600
    with pytest.raises(Unavailable, match="stale"):
        market.snapshot()
    market.adopt_snapshot(snapshot(clock.at, BTC=2))
    assert market.snapshot().prices == {"BTC": 2}


def test_an_older_snapshot_is_not_adopted() -> None:
    market = LiveMarket(unix_time=SetClock())
    market.adopt_snapshot(snapshot(NOW, BTC=1))
    market.adopt_snapshot(snapshot(NOW - 1, BTC=2))
    assert market.snapshot().prices == {"BTC": 1}


def test_a_snapshot_without_prices_is_not_used_for_quotes() -> None:
    market = LiveMarket(unix_time=SetClock())
    market.adopt_snapshot(RateSnapshot(at=NOW, prices={}))
    with pytest.raises(Unavailable, match="no coin"):
        market.snapshot()
    assert not market.has_fresh_rates()
