"""The rate feeds over HTTP, read by a client written from the contract alone."""

import gzip
import re
import secrets
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import brotli
import pytest
from lxml import etree

from tests.conftest import Running
from tests.support.clients.partner import Response, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
RATES = ["/api/rates.xml", "/rates/float.xml"]


def get(running: Running, path: str, method: str = "GET", **headers: str) -> Response:
    return send(
        running.base_url + path,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        method=method,
    )


@pytest.mark.parametrize(
    ("path", "schema"), [*((path, "rates.xsd") for path in RATES), ("/rates/eref.xml", "eref.xsd")]
)
def test_a_feed_validates_and_lists_every_pair(up: Running, path: str, schema: str) -> None:
    response = get(up, path)
    assert response.status == 200
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
    assert re.fullmatch(r'"[0-9a-f]{16}"', response.headers["etag"])
    root = etree.fromstring(response.body)
    etree.XMLSchema(etree.parse(SCHEMAS / schema)).assertValid(root)
    listed = {(item.findtext("from"), item.findtext("to")) for item in root}
    assert ("BTC", "USDTTRC20") in listed
    assert len(listed) == len(root) == len(up.partner().call("/pairs", {}).data)


@pytest.mark.parametrize("path", [*RATES, "/rates/eref.xml"])
def test_an_unchanged_feed_returns_304_without_a_body(up: Running, path: str) -> None:
    def unchanged() -> bool:  # prices change each second, and each worker updates on its own
        tag = get(up, path).headers["etag"]
        response = get(up, path, If_None_Match=tag)
        if response.status == 200:
            return False
        assert (response.status, response.body, response.headers["etag"]) == (304, b"", tag)
        return True

    wait_until(unchanged)
    assert get(up, path, If_None_Match='"0000000000000000"').status == 200


def test_the_alias_returns_the_same_bytes_and_etag(up: Running) -> None:
    def same() -> bool:
        standard, alias = (get(up, path) for path in RATES)
        return (standard.headers["etag"], standard.body) == (alias.headers["etag"], alias.body)

    wait_until(same)


@pytest.mark.parametrize(
    ("accept", "encoding", "decode"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("br, gzip", "br", brotli.decompress),
        ("br;q=0.1, gzip;q=0.9", "gzip", gzip.decompress),
        ("gzip;q=0, br;q=0", None, bytes),
    ],
)
def test_a_feed_is_compressed_with_the_encoding_the_client_prefers(
    up: Running, accept: str, encoding: str | None, decode: Callable[[bytes], bytes]
) -> None:
    response = get(up, "/api/rates.xml", Accept_Encoding=accept)
    assert response.headers.get("content-encoding") == encoding
    assert response.headers["vary"] == "Accept-Encoding"
    assert etree.fromstring(decode(response.body)).tag == "rates"


def test_a_head_request_returns_the_headers_of_the_feed_without_a_body(up: Running) -> None:
    response = get(up, "/api/rates.xml", "HEAD")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["content-length"]) > 1_000
    assert get(up, "/api/rates.xml", "HEAD", If_None_Match="*").status == 304


@pytest.mark.parametrize("path", [*RATES, "/rates/eref.xml", "/rates/fixed.json"])
def test_other_methods_are_rejected(up: Running, path: str) -> None:
    response = get(up, path, "POST")
    assert (response.status, response.code) == (405, 1)
    assert response.headers["allow"] == "GET, HEAD"


def json_rates(response: Response) -> list[dict[str, str]]:
    assert response.headers["content-type"] == "application/json"
    rates: list[dict[str, str]] = response.json()["rates"]
    return rates


def test_the_json_feed_has_the_items_of_the_xml_feed(up: Running) -> None:
    def same() -> bool:
        root = etree.fromstring(get(up, "/rates/float.xml").body)
        items = [{element.tag: element.text for element in item} for item in root]
        return items == json_rates(get(up, "/rates/float.json"))

    wait_until(same)  # prices change each second
    assert get(up, "/rates/fixed.json").code == 6


@pytest.mark.parametrize("name", ["rates.xsd", "eref.xsd"])
def test_the_schemas_are_served_and_validate_the_feeds(up: Running, name: str) -> None:
    response = get(up, f"/rates/schemas/{name}")
    assert response.body == (SCHEMAS / name).read_bytes()
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
    feed = get(up, "/rates/eref.xml" if name == "eref.xsd" else "/rates/float.xml")
    etree.XMLSchema(etree.fromstring(response.body)).assertValid(etree.fromstring(feed.body))


def test_the_feed_of_a_code_has_its_markup_and_links(up: Running) -> None:
    partner = up.partner()
    code = f"feed-{secrets.token_hex(4)}"
    assert get(up, f"/rates/float.json?code={code}").code == 6
    assert partner.call("/codes", {"code": code, "afftaxBps": 2000}).code == 0
    marked = wait_until(
        lambda: get(up, f"/rates/float.json?code={code}"),
        lambda response: response.status == 200,
        consecutive=ALL_WORKERS,
    )
    rates = {(item["from"], item["to"]): item for item in json_rates(marked)}
    plain = {(item["from"], item["to"]): item for item in json_rates(get(up, "/rates/float.json"))}
    assert rates.keys() == plain.keys()
    pair = ("BTC", "USDTTRC20")
    ratio = Decimal(rates[pair]["out"]) / Decimal(plain[pair]["out"])
    assert Decimal("0.78") < ratio < Decimal("0.82"), "a markup of 20 %"
    public = up.base_url.replace("127.0.0.1", "localhost")  # the main address of `up`
    assert rates[pair]["link"] == f"{public}/r/{code}?from=btc&to=usdt_trc20"
    for path, schema in (("/rates/float.xml", "rates.xsd"), ("/rates/eref.xml", "eref.xsd")):
        feed = etree.fromstring(get(up, f"{path}?code={code}").body)
        etree.XMLSchema(etree.parse(SCHEMAS / schema)).assertValid(feed)
        assert (feed[0].findtext("link") or "").startswith(f"{public}/r/{code}?from=")
    assert partner.call("/codes", {"code": code}, method="DELETE").code == 0
    wait_until(
        lambda: get(up, f"/rates/float.xml?code={code}").status,
        (404).__eq__,
        consecutive=ALL_WORKERS,
    )


@pytest.mark.parametrize(
    "query",
    ["?code=", "?code=abc", "?code=no-such-code", "?code=%00%00%00%00", "?code=a%2Fb%2Fc%2Fd"],
)
def test_the_feed_of_an_unknown_code_is_not_found(up: Running, query: str) -> None:
    for path in ("/api/rates.xml", "/rates/float.json", "/rates/eref.xml"):
        response = get(up, path + query)
        assert (response.status, response.body) == (404, b'{"code":6,"msg":"NOT_FOUND"}')


def test_other_parameters_are_ignored(up: Running) -> None:
    assert b"<item>" in get(up, "/rates/float.xml?time=1716800000").body


def test_the_fixed_feed_is_not_found_if_fixed_rates_are_off(up: Running) -> None:
    assert (get(up, "/rates/fixed.xml").status, get(up, "/rates/fixed.xml").code) == (404, 6)


def test_the_fixed_feed_is_served_if_fixed_rates_are_on(by_hand: Running) -> None:
    fixed = wait_until(
        lambda: get(by_hand, "/rates/fixed.xml"),
        lambda response: response.status == 200 and b"<item>" in response.body,
        consecutive=ALL_WORKERS,
    )
    assert etree.fromstring(fixed.body).tag == "rates"
    items = json_rates(get(by_hand, "/rates/fixed.json"))
    assert len(items) == len(etree.fromstring(get(by_hand, "/rates/fixed.xml").body))
    assert {"tomin", "tomax"} <= items[0].keys()


def test_changed_reserves_and_fees_appear_in_the_feed(by_hand: Running) -> None:
    def item() -> etree._Element:
        root = etree.fromstring(get(by_hand, "/api/rates.xml").body)
        return next(pair for pair in root if (pair[0].text, pair[1].text) == ("BTC", "DASH"))

    def out() -> Decimal:
        return Decimal(item().findtext("out") or "0")

    def quoted() -> Decimal:
        request = quote_request(toCcy="dash", amount="1", afftax=0)
        return Decimal(by_hand.partner().call("/price", request).data["to"]["amount"])

    def difference() -> Decimal:  # a feed is updated shortly after the prices of quotes
        return abs(quoted() / out() - 1)

    def agrees(value: Decimal) -> bool:
        return value < Decimal("0.01")

    wait_until(difference, agrees)
    lower_bound = out() - 50
    try:
        by_hand.json("reserve", "set", "dash", "1234.5")
        by_hand.json("network-fee", "set", "dash", "100")
        wait_until(lambda: item().findtext("amount"), "1234.5".__eq__, consecutive=ALL_WORKERS)
        wait_until(
            lambda: (out(), quoted()),
            lambda amounts: max(amounts) < lower_bound,
            consecutive=ALL_WORKERS,
        )
        wait_until(difference, agrees)
    finally:
        by_hand.json("reserve", "set", "dash", "none")
        by_hand.json("network-fee", "set", "dash", "0.001")
    wait_until(
        lambda: (out(), quoted()),
        lambda amounts: min(amounts) > lower_bound,
        consecutive=ALL_WORKERS,
    )
    wait_until(lambda: item().findtext("amount"), "1234.5".__ne__, consecutive=ALL_WORKERS)


def test_maintenance_empties_the_feed(by_hand: Running) -> None:
    def empty() -> bool:
        return b"<item>" not in get(by_hand, "/api/rates.xml").body

    by_hand.json("maintenance", "on")
    try:
        wait_until(empty, consecutive=ALL_WORKERS)
    finally:
        by_hand.json("maintenance", "off")
    wait_until(lambda: not empty(), consecutive=ALL_WORKERS)
    by_hand.partner().until(0, "/price", quote_request())
