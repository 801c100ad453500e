"""Orders at a fixed rate keep it for the full amount in time."""

import pytest

from domain.market.conversion import Rate
from domain.orders.deposits import ObservedDeposit
from domain.orders.states import Emergency, RateType, Status
from tests.support.builders.order_states import (
    BOUNDS,
    LATE,
    LIVE_RATE,
    MARKET,
    NOW,
    all_confirmed,
    confirmed,
    new_order,
    with_seen,
)

FIXED = new_order(rate_type=RateType.FIXED)


def test_a_fixed_order_keeps_its_rate_for_the_full_amount() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(ObservedDeposit("tx", 10_000), at=NOW)
    order = confirmed(order, 10_000)
    assert order.rate == Rate(10**8, 8)
    assert order.destination_amount == 9_900


def test_a_fixed_order_with_another_amount_is_priced_again() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(ObservedDeposit("tx", 9_999), at=NOW)
    assert str(confirmed(order, 9_999).rate) == "1.990000000"


@pytest.mark.parametrize("amounts", [(10_000,), (4_000, 6_000), (1, 9_998, 1)])
def test_a_fixed_order_keeps_its_rate_for_the_full_amount_in_several_deposits(
    amounts: tuple[int],
) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts))
    assert (order.rate, order.destination_amount) == (FIXED.rate, FIXED.destination_amount)


@pytest.mark.parametrize("amounts", [(9_999,), (10_001,), (10_000, 1), (4_000, 5_999)])
def test_a_fixed_order_with_another_total_is_priced_at_the_live_rate(amounts: tuple[int]) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts))
    assert (order.status, str(order.rate)) == (Status.EXCHANGE, LIVE_RATE)
    assert order.source_amount == sum(amounts)


def test_a_fixed_order_whose_last_deposit_arrives_after_expiry_is_priced_at_the_live_rate() -> None:
    in_time = with_seen(with_seen(FIXED, 4_000), 6_000, at=FIXED.expires_at)
    assert all_confirmed(in_time).rate == FIXED.rate
    late = with_seen(with_seen(FIXED, 4_000), 6_000, at=LATE)
    assert str(all_confirmed(late).rate) == LIVE_RATE


def test_a_fixed_order_is_held_if_its_deposits_are_out_of_bounds_or_after_expiry() -> None:
    assert all_confirmed(with_seen(FIXED, 49)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 250_001)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 10_000, at=LATE)).emergency == (Emergency.EXPIRED,)


def test_a_fixed_order_observed_in_time_and_confirmed_after_expiry_keeps_its_rate() -> None:
    """What counts is when it was seen."""
    order = with_seen(FIXED, 10_000, at=FIXED.expires_at)
    order = order.deposits_confirmed(
        [ObservedDeposit("tx0", 10_000)], snapshot=MARKET, bounds=BOUNDS, at=LATE
    )
    assert order.rate == FIXED.rate
