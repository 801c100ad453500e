"""The premium of fixed rates, and payouts that a network would not forward."""

import pytest

from domain.errors import Unavailable
from domain.market.limits import Headroom
from domain.market.pricing import Direction, QuoteProblem
from tests.support.builders.market import USD, asset, table

BTC = asset("BTC", network_fee=2_000, dust_limit=546)
USDT = asset("USDT", 6)
PRICES = {"BTC": 50_000 * USD, "USDT": USD}


def test_a_premium_is_part_of_the_rate_and_of_the_service_fee() -> None:
    prices = table(BTC, USDT, usd=PRICES)
    plain = prices.pair("btc", "usdt", markup_bps=10)
    fixed = prices.pair("btc", "usdt", markup_bps=10, premium_bps=25)
    assert (plain.margin.fee_bps, fixed.margin.fee_bps) == (50, 75)
    assert (str(plain.rate), str(fixed.rate)) == ("49700.00000000", "49575.00000000")
    assert prices.pair("btc", "usdt", markup_bps=10) is plain


@pytest.mark.parametrize(("payout", "problems"), [(545, (QuoteProblem.LIMIT_MIN,)), (546, ())])
def test_a_payout_below_the_dust_limit_is_a_problem_of_the_quote(
    payout: int, problems: tuple[QuoteProblem, ...]
) -> None:
    cheap = {"BTC": 500_000 * USD, "USDT": USD}
    priced = table(BTC, USDT, usd=cheap).pair("usdt", "btc", markup_bps=0)
    deposit = priced.conversion.needed_for(payout)
    quote = priced.quote(Direction.FROM, deposit)
    assert quote.destination_amount == payout
    assert quote.problems == problems
    assert priced.quote(Direction.TO, payout).source_amount == deposit


def test_the_capacity_for_fixed_rates_is_the_lesser_of_both_caps() -> None:
    assert Headroom(usd_today=5).for_fixed_rate().usd_today == 5
    assert Headroom(fixed_usd=3).for_fixed_rate().usd_today == 3
    assert Headroom(usd_today=5, fixed_usd=3).for_fixed_rate().usd_today == 3
    assert Headroom(usd_today=2, fixed_usd=3).for_fixed_rate().usd_today == 2


def test_a_coin_without_a_price_has_no_fixed_rate() -> None:
    with pytest.raises(Unavailable):
        table(BTC, USDT, usd={"USDT": USD}).pair("btc", "usdt", markup_bps=0, premium_bps=1)
