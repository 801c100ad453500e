"""A margin is one rule: the same amounts, to the last unit, in rates and in the ledger."""

from hypothesis import given
from hypothesis import strategies as st

from domain.market.conversion import rate_of, ratio_rounded_down
from domain.market.fees import MAX_FEE_BPS, Margin
from domain.partners.partner import MAX_MARKUP_BPS

fees = st.integers(0, MAX_FEE_BPS)
markups = st.integers(0, MAX_MARKUP_BPS)
values = st.integers(0, 10**60)
prices = st.integers(1, 10**24)


@given(fee=fees, markup=markups, value=values)
def test_the_split_of_a_value_is_each_parts_basis_points_rounded_down(
    fee: int, markup: int, value: int
) -> None:
    split = Margin(fee, markup).split(value)
    assert split.remainder == value * (10_000 - fee - markup) // 10_000
    assert split.service_fee == value * fee // 10_000
    assert split.markup == value * markup // 10_000


@given(fee=fees, markup=markups, value=values)
def test_rounding_of_a_split_never_exceeds_two_units(fee: int, markup: int, value: int) -> None:
    split = Margin(fee, markup).split(value)
    assert 0 <= value - split.remainder - split.service_fee - split.markup <= 2


@given(fee=fees, markup=markups)
def test_the_total_is_what_the_remainder_lacks_to_the_whole(fee: int, markup: int) -> None:
    margin = Margin(fee, markup)
    assert margin.total == fee + markup
    assert margin.total + margin.remainder == 10_000


@given(fee=fees, markup=markups, source=prices, destination=prices)
def test_a_rate_is_the_quotient_of_the_prices_less_fee_and_markup(
    fee: int, markup: int, source: int, destination: int
) -> None:
    rate = rate_of(source_price=source, destination_price=destination, margin=Margin(fee, markup))
    assert rate == ratio_rounded_down(source * (10_000 - (fee + markup)), destination * 10_000)
