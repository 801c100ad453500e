"""Orders at a fixed rate: the agreed amount in time keeps it, and nothing else is an option."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Excess
from domain.market.conversion import Conversion, Rate
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import Emergency, RateType, State, Status
from tests.support.builders.order_states import (
    LATE,
    LIVE_RATE,
    MARKET,
    NOW,
    TERMS,
    USD,
    all_confirmed,
    new_order,
    with_seen,
)

FIXED = new_order(rate_type=RateType.FIXED)
"""10,000 units at a rate of 1: 9,900 after the network fee. The live rate of MARKET is 1.99."""
CHEAPER = RateSnapshot(at=NOW.timestamp(), prices={"AAA": USD // 2, "BBB": USD})
"""The live rate is 0.5: worse than the fixed one."""
DEADLINE = FIXED.expires_at + TERMS.fixed_rates.confirm_within


def paid(order: Order, market: RateSnapshot = MARKET, *, at: object = NOW) -> int:
    """Return the payout of an order once its deposits are confirmed."""
    settled = all_confirmed(order, market=market, at=at)  # type: ignore[arg-type]
    assert settled.status is Status.EXCHANGE
    assert reproduced(settled) == settled.destination_amount
    return settled.destination_amount


def reproduced(order: Order) -> int:
    """Return the payout that a partner computes from the order's published numbers."""
    conversion = Conversion(
        order.rate,
        network_fee=order.network_fee,
        source=order.source,
        destination=order.destination,
    )
    return conversion.paid_for(order.source_amount)


@pytest.mark.parametrize("market", [MARKET, CHEAPER])
@pytest.mark.parametrize("amounts", [(10_000,), (4_000, 6_000), (1, 9_998, 1)])
def test_a_fixed_order_keeps_its_rate_for_the_full_amount(
    amounts: tuple[int], market: RateSnapshot
) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts), market=market)
    assert (order.rate, order.destination_amount) == (FIXED.rate, FIXED.destination_amount)


def test_an_overpayment_of_one_unit_does_not_get_a_better_live_price() -> None:
    assert paid(with_seen(FIXED, 10_001)) == 9_901
    assert paid(with_seen(FIXED, 10_000, 1)) == 9_901
    assert paid(with_seen(FIXED, 20_000)) == 19_900


def test_the_excess_of_an_overpayment_is_settled_at_the_worse_rate() -> None:
    assert paid(with_seen(FIXED, 10_003), CHEAPER) == 9_901
    assert paid(with_seen(FIXED, 10_000, 10_000), CHEAPER) == 9_900 + 4_975
    assert paid(with_seen(FIXED, 10_001), CHEAPER) == 9_900


REFUNDED = msgspec.structs.replace(TERMS.fixed_rates, excess=Excess.REFUND)


@pytest.mark.parametrize("market", [MARKET, CHEAPER])
@pytest.mark.parametrize("amounts", [(10_001,), (10_000, 1), (4_000, 300_000)])
def test_an_excess_that_is_refunded_leaves_the_agreed_amount_as_it_is(
    amounts: tuple[int], market: RateSnapshot
) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts), market=market, fixed_rates=REFUNDED)
    assert order.state is State.PAYING_OUT
    assert (order.source_amount, order.rate) == (FIXED.source_amount, FIXED.rate)
    assert order.destination_amount == FIXED.destination_amount


def test_an_excess_too_small_to_be_sent_back_is_settled_at_the_worse_rate() -> None:
    source = msgspec.structs.replace(FIXED.source, network_fee=50, dust_limit=10)
    fixed = msgspec.structs.replace(FIXED, source=source)
    order = all_confirmed(with_seen(fixed, 10_059), market=CHEAPER, fixed_rates=REFUNDED)
    assert (order.source_amount, order.destination_amount) == (10_059, 9_900 + 29)
    order = all_confirmed(with_seen(fixed, 10_060), market=CHEAPER, fixed_rates=REFUNDED)
    assert (order.source_amount, order.destination_amount) == (10_000, 9_900)


@pytest.mark.parametrize("amount", [9_999, 20_000])
def test_the_whole_deposit_is_settled_where_the_agreed_amount_was_not_paid_in_time(
    amount: int,
) -> None:
    late = with_seen(FIXED, amount, at=FIXED.expires_at)
    order = all_confirmed(
        late, market=CHEAPER, at=DEADLINE + timedelta(seconds=1), fixed_rates=REFUNDED
    )
    assert order.source_amount == amount


@pytest.mark.parametrize("amounts", [(9_999,), (4_000, 5_999)])
def test_an_underpayment_is_priced_at_the_worse_of_the_fixed_and_the_live_rate(
    amounts: tuple[int],
) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts))
    assert (order.rate, order.destination_amount) == (FIXED.rate, 9_899)
    order = all_confirmed(with_seen(FIXED, *amounts), market=CHEAPER)
    assert (str(order.rate), order.destination_amount) == ("0.4975000000", 4_874)


def test_a_deposit_confirmed_days_later_gets_the_worse_rate() -> None:
    order = with_seen(FIXED, 10_000, at=FIXED.expires_at)
    days_later = NOW + timedelta(days=3)
    assert paid(order, CHEAPER, at=DEADLINE) == 9_900
    assert paid(order, CHEAPER, at=DEADLINE + timedelta(seconds=1)) == 4_875
    assert paid(order, CHEAPER, at=days_later) == 4_875
    assert paid(order, MARKET, at=days_later) == 9_900


def test_what_arrives_after_the_agreed_amount_does_not_take_the_fixed_rate_from_it() -> None:
    order = all_confirmed(with_seen(FIXED, 10_000), market=CHEAPER)
    delayed = with_seen(with_seen(FIXED, 10_000), 2_000, at=LATE)
    first = [ObservedDeposit("tx0", 10_000)]
    delayed = all_confirmed(
        all_confirmed(delayed, first), market=CHEAPER, at=DEADLINE + timedelta(days=9)
    )
    assert delayed.destination_amount == order.destination_amount + 995


def test_a_fixed_order_paid_in_part_before_expiry_gets_the_worse_rate() -> None:
    in_time = with_seen(with_seen(FIXED, 4_000), 6_000, at=FIXED.expires_at)
    assert all_confirmed(in_time, market=CHEAPER).rate == FIXED.rate
    late = with_seen(with_seen(FIXED, 4_000), 6_000, at=LATE)
    assert str(all_confirmed(late, market=CHEAPER).rate) == "0.4975000000"
    assert all_confirmed(late).rate == FIXED.rate


def test_a_fixed_order_is_held_if_its_deposits_are_out_of_bounds_or_after_expiry() -> None:
    assert all_confirmed(with_seen(FIXED, 49)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 250_001)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 10_000, at=LATE)).emergency == (Emergency.EXPIRED,)


def test_a_held_fixed_order_is_exchanged_at_the_live_rate() -> None:
    order = all_confirmed(with_seen(FIXED, 10_000, at=LATE))
    assert str(order.exchange_chosen(terms=TERMS, at=LATE).rate) == LIVE_RATE


@given(
    agreed=st.integers(1, 10**6),
    amounts=st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    seen_late=st.lists(st.booleans(), min_size=4, max_size=4),
    fixed=st.integers(1, 10**10),
    live_price=st.integers(USD // 100, 100 * USD),
    minutes=st.integers(0, 600),
)
def test_no_amount_and_no_moment_pays_more_than_the_rates_allow(
    agreed: int,
    amounts: list[int],
    seen_late: list[bool],
    fixed: int,
    live_price: int,
    minutes: int,
) -> None:
    rate = Rate(fixed, 8)
    order = new_order(rate_type=RateType.FIXED, source_amount=agreed, rate=rate, network_fee=0)
    order = msgspec.structs.replace(order, destination_amount=reproduced(order))
    for amount, late in zip(amounts, seen_late, strict=False):
        order = with_seen(order, amount, at=LATE if late else NOW)
    at = NOW + timedelta(minutes=minutes)
    market = RateSnapshot(at=0, prices={"AAA": live_price, "BBB": USD})
    settled = all_confirmed(order, market=market, at=at)
    total = sum(amounts)
    assert settled.deposits.total == total
    if settled.state is not State.PAYING_OUT:
        return
    live = settled._live_rate(market)
    worse = min(fixed * 10**live.decimals, live.digits * 10**8)
    in_time = sum(a for a, late in zip(amounts, seen_late, strict=False) if not late)
    is_in_time = in_time >= agreed and at <= DEADLINE
    at_fixed = agreed if is_in_time else 0
    scale = 10 ** (8 + live.decimals)
    most = (at_fixed * fixed * 10**live.decimals + (total - at_fixed) * worse) // scale
    assert settled.destination_amount == most
    assert settled.source_amount == total
    assert reproduced(settled) == most
    if is_in_time:
        assert settled.destination_amount >= order.destination_amount
