"""Pricing: published numbers reproduce every amount, and rounding favours the operator."""

from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Asset, Bounds, Pair
from domain.errors import Unavailable
from domain.market.limits import Headroom
from domain.market.pricing import Direction, PricedPair, Quote, QuoteProblem
from domain.market.rates import RateSnapshot
from domain.market.valuation import largest_worth, smallest_worth, usd_value
from domain.money import BPS, USD_DECIMALS, format_units

EXACT = Context(prec=200)
USD = 10**USD_DECIMALS


def asset(code: str, precision: int, *, network_fee: int = 0, fee_bps: int = 50) -> Asset:
    return Asset(
        code=code,
        coin=code.upper(),
        network=code,
        name=code,
        precision=precision,
        network_fee=network_fee,
        fee_bps=fee_bps,
    )


def pair(source: Asset, destination: Asset) -> Pair:
    return Pair(source, destination, Bounds(min_usd=USD, max_usd=5_000 * USD))


def quote(
    pair: Pair, snapshot: RateSnapshot, *, direction: Direction, amount: int, markup_bps: int
) -> Quote:
    return PricedPair(pair, snapshot, markup_bps=markup_bps).quote(direction, amount)


prices = st.integers(min_value=10**10, max_value=10**24)  # 0.00000001 to 1,000,000 USD
precisions = st.integers(min_value=0, max_value=18)
amounts = st.integers(min_value=1, max_value=10**38)


@st.composite
def quotes(draw: st.DrawFn, direction: Direction) -> Quote:
    source = asset("aaa", draw(precisions))
    destination = asset(
        "bbb",
        draw(precisions),
        network_fee=draw(st.integers(0, 10**12)),
        fee_bps=draw(st.integers(0, 2_000)),
    )
    snapshot = RateSnapshot(at=0, prices={"AAA": draw(prices), "BBB": draw(prices)})
    return quote(
        pair(source, destination),
        snapshot,
        direction=direction,
        amount=draw(amounts),
        markup_bps=draw(st.integers(0, 2_000)),
    )


def published(quoted: Quote) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    source, destination = quoted.priced.pair.source, quoted.priced.pair.destination
    return (
        Decimal(format_units(quoted.source_amount, source.precision)),
        Decimal(format_units(quoted.destination_amount, destination.precision)),
        Decimal(str(quoted.priced.rate)),
        Decimal(format_units(quoted.priced.network_fee, destination.precision)),
    )


@given(quotes(Direction.FROM))
def test_the_payout_follows_from_three_published_numbers(quoted: Quote) -> None:
    amount, paid, rate, fee = published(quoted)
    due = EXACT.subtract(EXACT.multiply(amount, rate), fee)
    unit = Decimal(1).scaleb(-quoted.priced.pair.destination.precision)
    if due < unit:
        assert paid == 0
    else:
        assert paid <= due < EXACT.add(paid, unit)


@given(quotes(Direction.TO))
def test_the_required_deposit_follows_from_three_published_numbers(quoted: Quote) -> None:
    amount, paid, rate, fee = published(quoted)
    needed = Fraction(EXACT.add(paid, fee)) / Fraction(rate)
    unit = Fraction(1, 10**quoted.priced.pair.source.precision)
    assert Fraction(amount) - unit < needed <= Fraction(amount)


@given(quotes(Direction.TO))
def test_the_required_deposit_pays_at_least_the_requested_amount(quoted: Quote) -> None:
    source, destination = quoted.priced.pair.source, quoted.priced.pair.destination
    snapshot = RateSnapshot(
        at=0, prices={"AAA": quoted.priced.source_price, "BBB": quoted.priced.destination_price}
    )
    forward = quote(
        pair(source, destination),
        snapshot,
        direction=Direction.FROM,
        amount=quoted.source_amount,
        markup_bps=quoted.priced.margin.markup_bps,
    )
    assert forward.destination_amount >= quoted.destination_amount


@given(quotes(Direction.FROM))
def test_the_rate_is_mid_less_the_margin_rounded_down(quoted: Quote) -> None:
    mid = Fraction(quoted.priced.source_price, quoted.priced.destination_price)
    true_rate = mid * quoted.priced.margin.remainder / BPS
    rate = Fraction(Decimal(str(quoted.priced.rate)))
    assert rate <= true_rate < rate + Fraction(1, 10**quoted.priced.rate.decimals)


@given(quotes(Direction.FROM))
def test_rates_have_at_least_eight_decimals_and_ten_digits(quoted: Quote) -> None:
    for rate in (quoted.priced.rate, quoted.priced.inverse):
        text = str(rate)
        assert len(text.partition(".")[2]) >= 8
        assert len(text.replace(".", "").lstrip("0")) >= 10
        assert rate.decimals == 8 or rate.digits < 10**10


@given(usd=st.integers(1, 10**24), price=prices, precision=precisions)
def test_published_bounds_are_the_outermost_amounts_within_the_usd_bounds(
    usd: int, price: int, precision: int
) -> None:
    of = asset("aaa", precision)
    least, most = smallest_worth(usd, price, of), largest_worth(usd, price, of)
    assert not usd_value(least, price, of).is_below(usd)
    assert usd_value(least - 1, price, of).is_below(usd)
    assert not usd_value(most, price, of).is_above(usd)
    assert usd_value(most + 1, price, of).is_above(usd)


def test_the_example_of_the_documentation_is_exact() -> None:
    bitcoin = asset("btc", 8)
    tether = asset("usdt", 6, network_fee=1_200_000, fee_bps=50)
    snapshot = RateSnapshot(at=0, prices={"BTC": 62_450 * USD, "USDT": USD})
    quoted = quote(
        pair(bitcoin, tether),
        snapshot,
        direction=Direction.FROM,
        amount=1_000_000,
        markup_bps=50,
    )
    assert str(quoted.priced.rate) == "61825.50000000"
    assert format_units(quoted.destination_amount, 6) == "617.055000"
    assert str(quoted.priced.inverse) == "0.00001617455580"
    assert quoted.worth_usd == 624_500_000_000_000_000_000


@pytest.mark.parametrize(
    ("amount", "problems"),
    [
        (99, (QuoteProblem.LIMIT_MIN,)),
        (100, ()),
        (500_000, ()),
        (500_001, (QuoteProblem.LIMIT_MAX,)),
    ],
)
@pytest.mark.parametrize("direction", list(Direction))
def test_bounds_apply_to_the_side_of_the_amount(
    direction: Direction, amount: int, problems: tuple[QuoteProblem, ...]
) -> None:
    dollars = RateSnapshot(at=0, prices={"AAA": USD, "BBB": USD})
    quoted = quote(
        pair(asset("aaa", 2), asset("bbb", 2)),
        dollars,
        direction=direction,
        amount=amount,
        markup_bps=0,
    )
    assert quoted.problems == problems


def test_an_amount_below_the_network_fee_is_below_the_minimum() -> None:
    dollars = RateSnapshot(at=0, prices={"AAA": USD, "BBB": USD})
    quoted = quote(
        pair(asset("aaa", 2), asset("bbb", 2, network_fee=300)),
        dollars,
        direction=Direction.FROM,
        amount=250,
        markup_bps=0,
    )
    assert quoted.destination_amount == 0
    assert quoted.problems == (QuoteProblem.LIMIT_MIN,)


def test_a_coin_without_a_price_is_not_quoted() -> None:
    with pytest.raises(Unavailable):
        quote(
            pair(asset("aaa", 2), asset("bbb", 2)),
            RateSnapshot(at=0, prices={"AAA": USD}),
            direction=Direction.FROM,
            amount=100,
            markup_bps=0,
        )


@pytest.mark.parametrize(
    ("headroom", "problems"),
    [
        (Headroom(), ()),
        (Headroom(usd_today=100 * USD, reserves={"bbb": 10_000, "aaa": 0}), ()),
        (Headroom(usd_today=100 * USD - 1), (QuoteProblem.LIMIT_MAX,)),
        (Headroom(reserves={"bbb": 9_950}), ()),
        (Headroom(reserves={"bbb": 9_949}), (QuoteProblem.RESERVE,)),
        (
            Headroom(usd_today=0, reserves={"bbb": 0}),
            (QuoteProblem.LIMIT_MAX, QuoteProblem.RESERVE),
        ),
    ],
)
def test_a_quote_beyond_the_reserve_or_the_daily_cap_has_a_problem(
    headroom: Headroom, problems: tuple[QuoteProblem, ...]
) -> None:
    dollars = RateSnapshot(at=0, prices={"AAA": USD, "BBB": USD})
    priced = PricedPair(
        pair(asset("aaa", 2), asset("bbb", 2, network_fee=50)), dollars, markup_bps=0
    )
    assert priced.quote(Direction.FROM, 10_000, headroom=headroom).problems == problems
