"""The bytes of /v1/price equal those of the wire type, and its figures are exact."""

import json
from decimal import ROUND_HALF_UP, Context, Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Asset, Bounds, Pair
from domain.market.pricing import Direction, PricedPair
from domain.market.rates import RateSnapshot
from domain.money import format_units
from gateway.api.quotes.quote_encoding import QuoteEncoder, QuoteOut
from gateway.codec import success

USD = 10**18
EXACT = Context(prec=200, rounding=ROUND_HALF_UP)


def asset(code: str, precision: int, network: str) -> Asset:
    return Asset(code, code.upper(), network, code, precision, network_fee=7, fee_bps=50)


@given(
    precisions=st.tuples(st.integers(0, 18), st.integers(0, 18)),
    prices=st.tuples(st.integers(10**10, 10**24), st.integers(10**10, 10**24)),
    btc=st.one_of(st.none(), st.integers(10**20, 10**24)),
    amount=st.integers(1, 10**30),
    direction=st.sampled_from(Direction),
    network=st.text(min_size=1, max_size=12).filter(lambda text: "@" not in text),
)
def test_an_encoded_quote_equals_its_encoded_wire_type(
    precisions: tuple[int, int],
    prices: tuple[int, int],
    btc: int | None,
    amount: int,
    direction: Direction,
    network: str,
) -> None:
    source, destination = asset("aaa", precisions[0], network), asset("bbb", precisions[1], "N")
    known = {"AAA": prices[0], "BBB": prices[1], **({"BTC": btc} if btc else {})}
    pair = Pair(source, destination, Bounds(min_usd=USD, max_usd=5_000 * USD))
    priced = PricedPair(pair, RateSnapshot(at=0, prices=known), markup_bps=25)
    quoted = priced.quote(direction, amount)
    body = QuoteEncoder().encode(quoted)

    data = msgspec.convert(json.loads(body)["data"], QuoteOut)
    assert success(data) == body
    assert data.source.amount == format_units(quoted.source_amount, source.precision)
    assert data.destination.amount == format_units(quoted.destination_amount, precisions[1])
    assert (data.source.rate, data.destination.rate) == (str(priced.rate), str(priced.inverse))
    assert (data.source.network, data.network_fee) == (network, format_units(7, precisions[1]))
    assert data.errors == [problem.value for problem in quoted.problems]
    worth = EXACT.multiply(Decimal(data.source.amount), Decimal(prices[0]).scaleb(-18, EXACT))
    assert data.source.usd == f"{worth.quantize(Decimal('0.01'), context=EXACT):f}"
    if btc is None:
        assert data.source.btc is None
    else:
        in_btc = EXACT.divide(worth, Decimal(btc).scaleb(-18, EXACT))
        assert data.source.btc == f"{in_btc.quantize(Decimal('1e-8'), context=EXACT):f}"


def priced_at(snapshot: RateSnapshot, *, markup_bps: int) -> PricedPair:
    pair = Pair(asset("aaa", 8, "A"), asset("bbb", 6, "B"), Bounds(USD, 5_000 * USD))
    return PricedPair(pair, snapshot, markup_bps=markup_bps)


def test_quotes_of_one_pair_at_several_markups_and_snapshots_are_never_mixed_up() -> None:
    snapshots = [RateSnapshot(at=at, prices={"AAA": 3 * USD, "BBB": at * USD}) for at in (1, 2)]
    pairs = [priced_at(one, markup_bps=bps) for one in snapshots for bps in (0, 25, 50)]
    shared = QuoteEncoder()
    for priced in pairs + pairs[::-1]:
        quote = priced.quote(Direction.FROM, 10**9)
        assert shared.encode(quote) == QuoteEncoder().encode(quote)


def test_layouts_of_an_earlier_snapshot_are_released() -> None:
    encoder = QuoteEncoder()
    for at in (1, 2, 3):
        snapshot = RateSnapshot(at=at, prices={"AAA": USD, "BBB": USD})
        for markup_bps in range(10):
            encoder.encode(priced_at(snapshot, markup_bps=markup_bps).quote(Direction.FROM, 10**9))
        assert len(encoder._layouts) == 10
