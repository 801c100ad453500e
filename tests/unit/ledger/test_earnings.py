"""What orders earn: exact, in proportion, and in postings that always sum to zero."""

from datetime import UTC, datetime
from fractions import Fraction
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.webhooks.orders import bench_order
from domain.assets import Asset
from domain.errors import Unavailable
from domain.ledger.postings import Account, completion, completion_if_priced
from domain.market.conversion import Rate
from domain.market.rates import RateSnapshot
from domain.orders.order import LIFETIME, Order
from domain.orders.states import State

USD = 10**18
AT = datetime(2026, 5, 1, tzinfo=UTC)


def asset(coin: str, precision: int) -> Asset:
    return Asset(
        code=coin.lower(),
        coin=coin,
        network="Network",
        name=coin,
        precision=precision,
        network_fee=0,
        fee_bps=50,
    )


ORDER = msgspec.structs.replace(
    bench_order(UUID(int=1), UUID(int=2), source=asset("BTC", 8), destination=asset("USDT", 6)),
    state=State.COMPLETED,
    destination_amount=0,
    rate=Rate(1, 8),
    network_fee=0,
    markup_bps=75,
    created_at=AT,
    expires_at=AT + LIFETIME,
    updated_at=AT,
)
BTC_AT_62450 = RateSnapshot(at=0, prices={"BTC": 62_450 * USD})


def amounts(
    order: Order = ORDER, snapshot: RateSnapshot = BTC_AT_62450, share: int = 0
) -> dict[Account, int]:
    postings = completion(order, snapshot, base_fee_share_bps=share).postings
    found = {posting.account: posting.amount for posting in postings}
    assert len(found) == len(postings)
    return found


def test_a_swap_of_624_50_usd_posts_fee_and_markup_in_basis_points() -> None:
    assert amounts() == {
        Account.CUSTOMER_DEPOSITS: -624_500_000 * USD // 10**6,
        Account.CUSTOMER_PAYOUTS: 616_693_750 * USD // 10**6,
        Account.SERVICE_FEE: 3_122_500 * USD // 10**6,
        Account.MARKUP: 4_683_750 * USD // 10**6,
    }


def test_the_base_fee_share_is_part_of_the_service_fee() -> None:
    found = amounts(share=2_000)
    assert found[Account.BASE_FEE_SHARE] == 624_500 * USD // 10**6
    assert found[Account.SERVICE_FEE] == 2_498_000 * USD // 10**6
    assert found[Account.MARKUP] == amounts()[Account.MARKUP]


def test_the_base_fee_share_can_be_the_whole_service_fee() -> None:
    found = amounts(share=10_000)
    assert Account.SERVICE_FEE not in found
    assert found[Account.BASE_FEE_SHARE] == 3_122_500 * USD // 10**6


def test_postings_of_zero_are_omitted() -> None:
    order = msgspec.structs.replace(ORDER, markup_bps=0, fee_bps=0)
    assert list(amounts(order)) == [Account.CUSTOMER_DEPOSITS, Account.CUSTOMER_PAYOUTS]


def test_an_order_worth_less_than_a_unit_posts_nothing() -> None:
    order = msgspec.structs.replace(ORDER, source_amount=1)
    assert amounts(order, RateSnapshot(at=0, prices={"BTC": 1})) == {}


def test_without_a_price_nothing_is_posted_yet() -> None:
    without = RateSnapshot(at=0, prices={"USDT": USD})
    with pytest.raises(Unavailable):
        completion(ORDER, without, base_fee_share_bps=0)
    assert completion_if_priced(ORDER, without, base_fee_share_bps=0) is None
    assert completion_if_priced(ORDER, None, base_fee_share_bps=0) is None
    assert completion_if_priced(ORDER, BTC_AT_62450, base_fee_share_bps=0) is not None


@given(
    units=st.integers(1, 10**28),
    price=st.integers(1, 10**26),
    precision=st.integers(0, 18),
    fee_bps=st.integers(0, 2_000),
    markup_bps=st.integers(0, 2_000),
    share=st.integers(0, 10_000),
)
def test_postings_sum_to_zero_and_differ_from_exact_shares_by_less_than_a_unit(
    *, units: int, price: int, precision: int, fee_bps: int, markup_bps: int, share: int
) -> None:
    order = msgspec.structs.replace(
        ORDER,
        source=asset("BTC", precision),
        source_amount=units,
        fee_bps=fee_bps,
        markup_bps=markup_bps,
    )
    found = amounts(order, RateSnapshot(at=0, prices={"BTC": price}), share)
    value = -found.get(Account.CUSTOMER_DEPOSITS, 0)
    markup = found.get(Account.MARKUP, 0)
    kept, shared = found.get(Account.SERVICE_FEE, 0), found.get(Account.BASE_FEE_SHARE, 0)
    rounding = found.get(Account.ROUNDING, 0)
    assert sum(found.values()) == 0
    assert 0 not in found.values()
    assert 0 <= Fraction(units * price, 10**precision) - value < 1
    assert 0 <= Fraction(value * markup_bps, 10_000) - markup < 1
    assert 0 <= Fraction(value * fee_bps, 10_000) - kept - shared < 1
    assert 0 <= Fraction((kept + shared) * share, 10_000) - shared < 1
    assert 0 <= rounding < 3
    assert all(amount > 0 for account, amount in found.items() if account != "customer_deposits")
