"""The addresses of feeds and schemas, as the application routes them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from blacksheep import Application, Router

from domain.errors import RateLimited
from feeds.xml.document import EMPTY, render_rates
from gateway.asgi import AsgiMiddleware
from gateway.http.client_address import ClientAddresses
from gateway.http.connections.clients import ClientConnections
from gateway.pages.code_feeds import CodeFeeds
from gateway.pages.feed_routes import SCHEMAS, direct_feeds, mount_feeds
from gateway.pages.rate_feeds import BY_PATH, Feed, RateFeeds
from gateway.runtime.market import LiveMarket
from tests.support.builders.market import USD, asset, catalogue, prices
from tests.support.servers.in_process import request

DOCS = Path(__file__).parents[3] / "docs"
FLOATING = [path for path, feed in BY_PATH.items() if not feed.is_fixed]


class Admission:
    """Counts the views that it admits, up to `allowed`."""

    def __init__(self) -> None:
        self.admitted = 0
        self.allowed = 100

    async def __call__(self, _request: object) -> None:
        if self.admitted >= self.allowed:
            raise RateLimited(7)
        self.admitted += 1


@pytest.fixture
def admission() -> Admission:
    return Admission()


@pytest.fixture
async def application(admission: Admission) -> AsgiMiddleware:
    """Return an application with feeds alone, and one code, summer, with a markup of 20 %."""

    async def markup_of(code: str) -> int | None:
        return 2000 if code == "summer" else None

    market = LiveMarket(unix_time=lambda: 0)
    market.adopt_catalogue(catalogue(asset("BTC"), asset("USDT", 6)))
    market.adopt_snapshot(prices({"BTC": 62_500 * USD, "USDT": USD}))
    feeds = RateFeeds(market, render_rates, empty=EMPTY)
    of_codes = CodeFeeds(
        market, render_rates, empty=EMPTY, markup_of=markup_of, origin="https://swap.example"
    )
    addresses = ClientAddresses()
    context = cast("Any", SimpleNamespace(addresses=addresses, admit_view=admission))
    framework = Application(router=Router())
    mount_feeds(framework, feeds, of_codes, context)
    await framework.start()  # type: ignore[no-untyped-call]
    return AsgiMiddleware(
        framework,
        direct_feeds(feeds),
        body_deadline_seconds=1,
        connections=ClientConnections(addresses.of_connection),
    )


@pytest.mark.parametrize("path", FLOATING)
async def test_a_feed_is_the_same_with_other_parameters(
    application: AsgiMiddleware, path: str
) -> None:
    direct = await request(application, "GET", path)
    routed = await request(application, "GET", f"{path}?time=1716800000&codes=summer")
    assert (direct.status, routed.status) == (200, 200)
    assert direct.text == routed.text
    assert direct.headers["etag"] == routed.headers["etag"]
    assert (direct.headers["content-type"] == "application/json") == BY_PATH[path].is_json


@pytest.mark.parametrize("path", FLOATING)
async def test_a_code_adds_its_markup_and_links(application: AsgiMiddleware, path: str) -> None:
    plain, marked = [
        await request(application, "GET", target) for target in (path, f"{path}?code=summer")
    ]
    assert marked.status == 200
    assert "https://swap.example/r/summer?from=btc" in marked.text
    assert "swap.example" not in plain.text
    unchanged = await request(
        application,
        "GET",
        f"{path}?code=summer",
        headers={"if-none-match": marked.headers["etag"]},
    )
    assert (unchanged.status, unchanged.text) == (304, "")


@pytest.mark.parametrize("code", ["", "abc", "winter", "%00%00%00%00", "a%2Fb%2Fc", "x" * 1_000])
async def test_an_unknown_code_is_not_found(application: AsgiMiddleware, code: str) -> None:
    for path in BY_PATH:
        response = await request(application, "GET", f"{path}?code={code}")
        assert (response.status, response.text) == (404, '{"code":6,"msg":"NOT_FOUND"}')


async def test_requests_for_what_is_not_in_memory_are_limited(
    application: AsgiMiddleware, admission: Admission
) -> None:
    admission.allowed = 1
    for _ in range(3):
        assert (await request(application, "GET", "/rates/float.xml?code=summer")).status == 200
    for target in ("/rates/eref.xml?code=summer", "/rates/float.xml?code=winter"):
        limited = await request(application, "GET", target)
        assert (limited.status, limited.text) == (429, '{"code":5,"msg":"RATE_LIMIT"}')
        assert limited.headers["retry-after"] == "7"


async def test_fixed_feeds_are_not_found_where_they_are_not_offered(
    application: AsgiMiddleware,
) -> None:
    for feed in (Feed.FIXED_XML, Feed.FIXED_JSON):
        for query in ("", "?code=summer"):
            response = await request(application, "GET", f"/rates/{feed.value}{query}")
            assert (response.status, response.text) == (404, '{"code":6,"msg":"NOT_FOUND"}')


@pytest.mark.parametrize("name", ["rates.xsd", "eref.xsd"])
async def test_the_schemas_are_served(application: AsgiMiddleware, name: str) -> None:
    response = await request(application, "GET", f"{SCHEMAS}{name}")
    assert response.status == 200
    assert response.text == (DOCS / "schemas" / name).read_text()
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
