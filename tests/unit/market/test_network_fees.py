"""Network fees: between the operator's number and a multiple of it, and converted exactly."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Asset
from domain.errors import InvalidCommand, Unavailable
from domain.market.network_fees import (
    ESTIMATE_LIFETIME,
    FeeEstimate,
    NetworkFeeRule,
    checked_rule,
    fee_in_asset,
)
from domain.market.rates import RateSnapshot
from tests.support.builders.market import USD

SNAPSHOT = RateSnapshot(at=0, prices={"ETH": 3_000 * USD, "USDT": USD})
ETH = Asset("eth", "ETH", "Ethereum", "Ether", 8, network_fee=0, fee_bps=0)
USDT = Asset("usdt_erc20", "USDT", "Ethereum", "Tether", 6, network_fee=0, fee_bps=0)
GWEI = 10**9

amounts = st.integers(0, 10**24)


@given(
    operator_fee=amounts,
    estimate=st.none() | amounts,
    margin_bps=st.integers(0, 50_000),
    max_multiple=st.integers(1, 1_000),
)
def test_a_fee_is_between_the_operators_number_and_its_multiple(
    operator_fee: int, estimate: int | None, margin_bps: int, max_multiple: int
) -> None:
    rule = NetworkFeeRule(margin_bps, max_multiple)
    fee = rule.charged(operator_fee, estimate)
    assert operator_fee <= fee <= operator_fee * max_multiple
    if estimate is not None and fee < operator_fee * max_multiple:
        assert fee >= estimate


@pytest.mark.parametrize(
    ("estimate", "fee"),
    [(None, 100), (0, 100), (83, 100), (84, 101), (500, 600), (833, 1_000), (10**9, 1_000)],
)
def test_a_fee_follows_its_estimate_and_margin(estimate: int | None, fee: int) -> None:
    assert NetworkFeeRule(margin_bps=2_000, max_multiple=10).charged(100, estimate) == fee


def test_a_multiple_of_one_ignores_estimates() -> None:
    assert NetworkFeeRule(max_multiple=1).charged(100, 10**9) == 100


@pytest.mark.parametrize(("margin_bps", "max_multiple"), [(-1, 1), (50_001, 1), (0, 0), (0, 1_001)])
def test_a_rule_out_of_range_is_rejected(margin_bps: int, max_multiple: int) -> None:
    with pytest.raises(InvalidCommand):
        checked_rule(NetworkFeeRule(margin_bps, max_multiple))


def test_a_fee_in_the_networks_coin_needs_no_price_and_is_rounded_up() -> None:
    empty = RateSnapshot(at=0, prices={})
    wei = 21_000 * 50 * GWEI
    assert fee_in_asset(wei, coin="ETH", decimals=18, asset=ETH, snapshot=empty) == 105_000
    assert fee_in_asset(1, coin="ETH", decimals=18, asset=ETH, snapshot=empty) == 1


def test_a_tokens_fee_is_converted_at_the_current_prices_and_rounded_up() -> None:
    def converted(wei: int) -> int:
        return fee_in_asset(wei, coin="ETH", decimals=18, asset=USDT, snapshot=SNAPSHOT)

    assert converted(65_000 * 20 * GWEI) == 3_900_000  # 0.0013 ETH at 3,000 USD
    assert converted(1) == 1


@pytest.mark.parametrize("missing", ["ETH", "USDT"])
def test_without_a_price_there_is_no_fee_in_a_token(missing: str) -> None:
    prices = {coin: price for coin, price in SNAPSHOT.prices.items() if coin != missing}
    with pytest.raises(Unavailable):
        fee_in_asset(1, coin="ETH", decimals=18, asset=USDT, snapshot=RateSnapshot(0, prices))


def test_an_estimate_is_stale_after_its_lifetime() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert not FeeEstimate(1, now - ESTIMATE_LIFETIME).is_stale(now)
    assert FeeEstimate(1, now - ESTIMATE_LIFETIME - timedelta(seconds=1)).is_stale(now)
