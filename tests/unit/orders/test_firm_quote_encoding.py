"""The bytes of /v1/quote equal those of the wire type, with and without problems."""

import json

import msgspec
import pytest

from domain.actions.orders.ports import QuotePorts
from domain.actions.orders.quote import SwapRequest
from domain.actions.orders.quotes.quote_firmly import OfferedSwap, quote_firmly
from domain.assets import Switches
from domain.market.pricing import Direction
from domain.market.rates import RateSnapshot
from domain.orders.states import RateType
from gateway.api.quotes.firm_quote_encoding import FirmQuoteEncoder, FirmQuoteOut
from gateway.api.quotes.quote_encoding import QuoteEncoder
from gateway.codec import success
from gateway.runtime.market import LiveMarket
from tests.support.builders.market import USD, asset, catalogue
from tests.support.builders.quotes import NOW, OURS, quote_signer

BTC = asset("BTC", network_fee=2_000, network="Bitcoin", confirmations=2)
USDT = asset("USDT", 6, network_fee=1_200_000, network="Tron", confirmations=20)
WHOLE = asset("WHOLE", 0, network="nowhere", confirmations=1)
PRICES = {"BTC": 62_450 * USD, "USDT": USD, "WHOLE": 7 * USD}
ENCODER = FirmQuoteEncoder()


def market(prices: dict[str, int], *, maintenance: bool = False) -> LiveMarket:
    live = LiveMarket(unix_time=NOW.timestamp)
    switches = Switches(fixed_rates=True, maintenance=maintenance)
    live.adopt_catalogue(catalogue(BTC, USDT, WHOLE, switches=switches))
    live.adopt_snapshot(RateSnapshot(at=NOW.timestamp(), prices=prices))
    return live


MARKET = market(PRICES)


def offered(request: SwapRequest, live: LiveMarket = MARKET) -> OfferedSwap:
    ports = QuotePorts(market=live, quotes=quote_signer())
    return quote_firmly(ports, request, markup_bps=50, holder=OURS)


def request(
    source: str = "btc",
    destination: str = "usdt",
    amount: str = "1",
    *,
    direction: Direction = Direction.FROM,
    rate_type: RateType = RateType.FLOAT,
) -> SwapRequest:
    return SwapRequest(rate_type, source, destination, direction, amount)


def decoded(body: bytes) -> FirmQuoteOut:
    data = msgspec.convert(json.loads(body)["data"], FirmQuoteOut)
    assert success(data) == body
    return data


@pytest.mark.parametrize("rate_type", RateType)
@pytest.mark.parametrize(
    ("source", "destination", "direction", "amount"),
    [
        ("btc", "usdt", Direction.FROM, "0.01234567"),
        ("btc", "usdt", Direction.TO, "617.123456"),
        ("whole", "btc", Direction.FROM, "3"),
        ("usdt", "whole", Direction.TO, "5"),
    ],
)
def test_a_firm_quote_has_the_sides_of_a_price(
    source: str, destination: str, direction: Direction, amount: str, rate_type: RateType
) -> None:
    swap = offered(request(source, destination, amount, direction=direction, rate_type=rate_type))
    data = decoded(ENCODER.encode(swap, markup_bps=50))
    assert swap.quoted is not None
    price = json.loads(QuoteEncoder().encode(swap.quoted))["data"]
    assert msgspec.to_builtins(data.source) == price["from"]
    assert msgspec.to_builtins(data.destination) == price["to"]
    assert (data.network_fee, data.markup_bps) == (price["networkFee"], price["markupBps"])
    assert swap.quote_id is not None
    assert (data.quote_id, data.valid_until) == (swap.quote_id.decode(), swap.valid_until)
    assert (data.rate_type, data.problems) == (rate_type.value, [])


def test_the_estimate_is_of_the_confirmations_of_the_source() -> None:
    encoded = [
        decoded(ENCODER.encode(offered(request(source, destination, "50")), markup_bps=50))
        for source, destination in (("btc", "usdt"), ("usdt", "btc"), ("whole", "btc"))
    ]
    assert [(one.confirmations, one.eta_seconds) for one in encoded] == [
        (2, 1_200),
        (20, 60),
        (1, None),
    ]


def test_a_problem_has_its_side_or_limits_in_both_assets() -> None:
    unknown = decoded(ENCODER.encode(offered(request(source="eth")), markup_bps=50))
    assert msgspec.to_builtins(unknown.problems) == [{"type": "ASSET_UNSUPPORTED", "side": "from"}]
    assert (unknown.source.code, unknown.source.coin) == ("eth", None)
    assert unknown.confirmations is None
    assert unknown.network_fee == "1.200000"
    large = decoded(ENCODER.encode(offered(request(amount="2")), markup_bps=50))
    assert msgspec.to_builtins(large.problems) == [
        {"type": "LIMIT_MAX", "fromLimit": large.source.max, "toLimit": large.destination.max}
    ]


def test_a_swap_with_problems_has_the_amounts_that_a_price_has() -> None:
    paused = market(PRICES, maintenance=True)
    for wanted in (request(amount="0.01"), request(amount="500", direction=Direction.TO)):
        swap, same = offered(wanted, paused), offered(wanted)
        assert swap.quote_id is None
        assert same.quoted is not None
        data = decoded(ENCODER.encode(swap, markup_bps=50))
        price = json.loads(QuoteEncoder().encode(same.quoted))["data"]
        assert msgspec.to_builtins(data.source) == price["from"]
        assert msgspec.to_builtins(data.destination) == price["to"]


def test_without_a_price_only_the_requested_amount_is_known() -> None:
    data = decoded(ENCODER.encode(offered(request(amount="0.5"), market({})), markup_bps=50))
    assert (data.source.amount, data.source.usd, data.source.rate) == ("0.50000000", None, None)
    assert (data.destination.amount, data.destination.precision) == (None, 6)
    assert [one.type for one in data.problems] == ["RATE_UNAVAILABLE"]


def test_layouts_of_an_earlier_snapshot_are_released() -> None:
    encoder = FirmQuoteEncoder()
    for usd in (1, 2, 3):
        live = market({**PRICES, "USDT": usd * USD})
        for rate_type in RateType:
            encoder.encode(
                offered(request(amount="0.01", rate_type=rate_type), live), markup_bps=50
            )
        assert sum(map(len, encoder._layouts.values())) == len(RateType)
