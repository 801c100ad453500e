"""The feed equals /v1/price, in two dialects that validate against their schemas."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from domain.market.limits import Headroom
from domain.market.pricing import UNBOUNDED, Direction, PriceTable
from feeds.xml.document import EMPTY, RateDocuments, render_rates
from gateway.api.quotes.quote_encoding import QuoteEncoder
from tests.support.builders.market import USD, asset, table

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
PLAIN = etree.XMLSchema(etree.parse(SCHEMAS / "rates.xsd"))
EREF = etree.XMLSchema(etree.parse(SCHEMAS / "eref.xsd"))

EREF_ORDER = [
    *("from", "to", "in", "out", "amount", "frommin", "frommax", "tomin", "tomax"),
    *("floating", "manual", "minamount", "maxamount"),
]
"""The order of BestChange's format 1.1: limits, labels, then the older names of limits."""

BTC = asset("BTC", network_fee=2_000)
USDT = asset("USDT", 6, network_fee=1_200_000, code="usdt_trc20", aggregator_code="USDTTRC20")
DOGE = asset("DOGE", network_fee=10**8)
PRICES = {"BTC": 62_500 * USD, "USDT": 10_002 * USD // 10_000, "DOGE": 158 * USD // 1_000}


def valid(documents: RateDocuments) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Validate both dialects and return their items."""
    return _items(documents.plain, PLAIN), _items(documents.eref, EREF)


def _items(document: bytes, schema: etree.XMLSchema) -> list[dict[str, Any]]:
    root = etree.fromstring(document)
    schema.assertValid(root)
    return [{element.tag: element.text for element in item} for item in root]


def test_documents_have_the_form_of_the_contract() -> None:
    rendered = render_rates(table(BTC, USDT, usd=PRICES), Headroom({"usdt_trc20": 120_000 * 10**6}))
    first = rendered.plain.decode().replace("\n<item>", "<item>").partition("</item>")[0]
    assert first == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<rates><item><from>BTC</from><to>USDTTRC20</to><in>1</in><out>62173.864987</out>"
        "<amount>120000</amount><minamount>0.000016</minamount><maxamount>0.08</maxamount>"
        "<tomin>0.999801</tomin><tomax>4999.000199</tomax>"
    )
    plain, eref = valid(rendered)
    assert [(item["from"], item["to"]) for item in plain] == [
        ("BTC", "USDTTRC20"),
        ("USDTTRC20", "BTC"),
    ]
    for eref_item, plain_item in zip(eref, plain, strict=True):
        assert plain_item.items() <= eref_item.items()
        assert (eref_item["frommin"], eref_item["frommax"]) == (
            plain_item["minamount"],
            plain_item["maxamount"],
        )
        assert eref_item["manual"] == "false"
        assert list(eref_item) == EREF_ORDER
    assert rendered.eref.count(b"<floating/>") == len(eref), "a float is not fixed for any time"


def test_the_json_has_the_items_and_values_of_the_xml() -> None:
    prices = table(BTC, USDT, DOGE, usd=PRICES)
    for link in (None, "https://swap.example/r/summer-24"):
        rendered = render_rates(prices, UNBOUNDED, link=link)
        assert json.loads(rendered.json) == {"rates": _items(rendered.plain, PLAIN)}
    assert json.loads(EMPTY.json) == {"rates": []}
    assert json.loads(render_rates(table(usd={}), UNBOUNDED).json) == {"rates": []}


def test_a_feed_with_links_has_the_pair_in_each_of_them() -> None:
    link = "https://swap.example/r/summer-24"
    rendered = render_rates(table(BTC, USDT, usd=PRICES), UNBOUNDED, link=link)
    plain, eref = valid(rendered)
    for items in (plain, eref):
        assert [item["link"] for item in items] == [
            f"{link}?from=btc&to=usdt_trc20",
            f"{link}?from=usdt_trc20&to=btc",
        ]


def test_a_feed_with_a_markup_has_the_figures_of_a_quote_with_it() -> None:
    prices = table(BTC, USDT, usd=PRICES)
    (item, _), _ = valid(render_rates(prices, UNBOUNDED, markup_bps=150))
    quote = prices.pair("btc", "usdt_trc20", markup_bps=150).quote(Direction.FROM, 10**8)
    assert Decimal(item["out"]) == Decimal(quote.destination_amount).scaleb(-6)
    (without, _), _ = valid(render_rates(prices, UNBOUNDED))
    assert Decimal(item["out"]) < Decimal(without["out"])
    limits = ("minamount", "maxamount", "tomin", "tomax", "amount")
    assert [item[name] for name in limits] == [without[name] for name in limits]


def test_the_feed_quotes_more_units_if_one_does_not_cover_the_network_fee() -> None:
    (doge_to_btc, _), _ = valid(render_rates(table(DOGE, BTC, usd=PRICES), UNBOUNDED))
    assert (doge_to_btc["in"], doge_to_btc["out"]) == ("10", "0.00000515")


def test_assets_without_price_or_aggregator_code_are_omitted() -> None:
    unlisted = asset("LTC", aggregator_code=None)
    unpriced = asset("XMR", 12)
    rendered = render_rates(table(BTC, USDT, unlisted, unpriced, usd=PRICES), UNBOUNDED)
    plain, _ = valid(rendered)
    assert {item["from"] for item in plain} == {"BTC", "USDTTRC20"}


def test_asset_codes_are_escaped() -> None:
    special = asset("ODD", aggregator_code="A&<B")
    rendered = render_rates(table(BTC, special, usd={**PRICES, "ODD": USD}), UNBOUNDED)
    assert etree.fromstring(rendered.plain)[0].findtext("to") == "A&<B"


def test_an_empty_feed_is_a_valid_document() -> None:
    assert valid(EMPTY) == ([], [])
    assert valid(render_rates(table(usd={}), UNBOUNDED)) == ([], [])


@pytest.mark.parametrize(
    "broken",
    [
        "<rates><item><from>BTC</from></item></rates>",
        "<rates><items/></rates>",
        "<rate/>",
    ],
)
def test_the_schemas_reject_other_documents(broken: str) -> None:
    for schema in (PLAIN, EREF):
        assert not schema.validate(etree.fromstring(broken))


def test_the_schemas_reject_zero_and_exponents() -> None:
    document = render_rates(table(BTC, USDT, usd=PRICES), UNBOUNDED).plain.decode()
    for value in ("0", "1E5", "62173.8650", "-1", "062173", ""):
        changed = document.replace("<out>62173.864987<", f"<out>{value}<")
        assert changed != document
        assert not PLAIN.validate(etree.fromstring(changed.encode())), value


def price_response(prices: PriceTable, item: dict[str, Any]) -> dict[str, Any]:
    """Return the data of /v1/price for the amount of a feed item."""
    assets = {one.aggregator_code: one for one in prices.catalogue.assets.values()}
    source, destination = assets[item["from"]], assets[item["to"]]
    amount = int(item["in"]) * 10**source.precision
    quote = prices.pair(source.code, destination.code, markup_bps=0).quote(Direction.FROM, amount)
    data: dict[str, Any] = json.loads(QuoteEncoder().encode(quote))["data"]
    return data


values = st.integers(min_value=10**12, max_value=10**24)


@given(
    usd=st.tuples(values, values, values),
    precisions=st.tuples(*[st.integers(0, 18)] * 3),
    fees=st.tuples(*[st.integers(0, 10**9)] * 3),
)
def test_feed_figures_equal_a_quote_at_the_same_snapshot(
    usd: tuple[int, ...], precisions: tuple[int, ...], fees: tuple[int, ...]
) -> None:
    coins = ["AAA", "BBB", "CCC"]
    assets = [
        asset(coin, precision, network_fee=fee)
        for coin, precision, fee in zip(coins, precisions, fees, strict=True)
    ]
    prices = table(*assets, usd=dict(zip(coins, usd, strict=True)))
    items = _items_of(render_rates(prices, UNBOUNDED).plain)
    assert len(items) == 6
    for item in items:
        quote = price_response(prices, item)
        assert Decimal(item["out"]) == Decimal(quote["to"]["amount"]) > 0
        assert Decimal(item["minamount"]) == Decimal(quote["from"]["min"])
        assert Decimal(item["maxamount"]) == Decimal(quote["from"]["max"])
        assert Decimal(item["amount"]) == Decimal(quote["to"]["max"])
        assert Decimal(item["tomin"]) == Decimal(quote["to"]["min"])
        assert Decimal(item["tomax"]) == Decimal(quote["to"]["max"])


def _items_of(document: bytes) -> list[dict[str, Any]]:
    return [{one.tag: one.text for one in item} for item in etree.fromstring(document)]


def test_amount_is_the_remaining_reserve() -> None:
    prices = table(BTC, USDT, usd=PRICES)
    (item, _), _ = valid(render_rates(prices, Headroom({"usdt_trc20": 0})))
    assert item["amount"] == "0"
    (item, _), _ = valid(render_rates(prices, Headroom({"usdt_trc20": 1_500_000})))
    assert item["amount"] == "1.5"


def test_the_rendering_thread_may_pause_after_each_source() -> None:
    pauses: list[int] = []
    render_rates(table(BTC, USDT, DOGE, usd=PRICES), UNBOUNDED, pause=lambda: pauses.append(1))
    assert len(pauses) == 3
