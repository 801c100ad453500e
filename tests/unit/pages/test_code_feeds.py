"""Feeds of referral codes: their markup and links, and the bounds on what anybody can request."""

import asyncio
import json
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from domain.assets import FixedRateTerms, Switches
from domain.errors import RateLimited, Unavailable
from domain.market.limits import Headroom
from domain.market.pricing import UNBOUNDED, PriceTable
from feeds.xml.document import EMPTY, RateDocuments, render_rates
from gateway.http.message import Response
from gateway.pages import code_feeds
from gateway.pages.code_feeds import (
    IDLE_AFTER_SECONDS,
    MAX_AGE_SECONDS,
    MAX_FEEDS,
    MAX_FEEDS_PER_ADDRESS,
    CodeFeeds,
)
from gateway.pages.rate_feeds import Feed
from gateway.runtime.market import LiveMarket
from tests.support.builders.market import USD, asset, catalogue, prices

BTC, USDT = asset("BTC"), asset("USDT", 6)
USD_PRICES = {"BTC": 62_500 * USD, "USDT": USD}
ORIGIN = "https://swap.example"


class World:
    """A market with codes, and feeds of them that count renderings and admissions."""

    def __init__(self, *, origin: str | None = ORIGIN) -> None:
        self.at = 1_000.0
        self.seconds = 0.0
        self.market = LiveMarket(unix_time=lambda: self.at)
        self.markups: dict[str, int] = {}
        self.database_is_gone = False
        self.fails = False
        self.admitted = 0
        self.rendered: list[str | None] = []
        self.feeds = CodeFeeds(
            self.market,
            self.render,
            empty=EMPTY,
            markup_of=self.markup_of,
            origin=origin,
            now=lambda: self.seconds,
        )
        self.market.adopt_catalogue(catalogue(BTC, USDT))
        self.price()

    def price(self, **usd: int) -> None:
        self.at += 1
        self.market.adopt_snapshot(prices({**USD_PRICES, **usd}, at=self.at))

    async def markup_of(self, code: str) -> int | None:
        if self.database_is_gone:
            raise Unavailable
        return self.markups.get(code)

    async def admit(self) -> None:
        self.admitted += 1

    def render(
        self,
        table: PriceTable,
        headroom: Headroom,
        *,
        premium_bps: int = 0,
        markup_bps: int = 0,
        link: str | None = None,
        pause: Callable[[], None],
    ) -> RateDocuments:
        self.rendered.append(link)
        if self.fails:
            raise ZeroDivisionError
        return render_rates(
            table,
            headroom,
            premium_bps=premium_bps,
            markup_bps=markup_bps,
            link=link,
            pause=pause,
        )

    async def respond(
        self, code: str, feed: Feed = Feed.FLOAT_XML, *, source: str = "192.0.2.1"
    ) -> Response:
        return await self.feeds.respond(code, feed, {}, source=source, admit=self.admit)

    async def body(self, code: str, feed: Feed = Feed.FLOAT_XML) -> bytes:
        return (await self.respond(code, feed)).body

    def expected(self, code: str, *, markup_bps: int) -> RateDocuments:
        table = PriceTable(self.market.catalogue, self.market.snapshot())
        link = f"{ORIGIN}/r/{code}"
        return render_rates(table, UNBOUNDED, markup_bps=markup_bps, link=link)


async def test_a_codes_feed_has_its_markup_and_links_in_every_format() -> None:
    world = World()
    world.markups = {"summer": 75}
    expected = world.expected("summer", markup_bps=75)
    assert await world.body("summer") == expected.plain
    assert await world.body("summer", Feed.EREF) == expected.eref
    assert await world.body("summer", Feed.FLOAT_JSON) == expected.json
    rates = json.loads(expected.json)["rates"]
    assert rates[0]["link"] == f"{ORIGIN}/r/summer?from=btc&to=usdt"


async def test_without_a_public_address_there_are_no_links() -> None:
    world = World(origin=None)
    world.markups = {"summer": 75}
    body = await world.body("summer")
    assert b"<item>" in body
    assert b"<link>" not in body


@pytest.mark.parametrize("code", ["unknown", "", "abc", "a" * 33, "su mmer", "../summer", "súmmer"])
async def test_a_code_that_does_not_exist_is_not_found(code: str) -> None:
    world = World()
    response = await world.respond(code)
    assert (response.status, response.body) == (404, b'{"code":6,"msg":"NOT_FOUND"}')
    assert world.rendered == []


async def test_a_code_that_is_disabled_is_not_found_from_then_on() -> None:
    world = World()
    world.markups = {"summer": 75}
    assert (await world.respond("summer")).status == 200
    world.markups = {}
    assert (await world.respond("summer")).status == 404
    world.price(BTC=60_000 * USD)
    await world.feeds.refresh()
    assert len(world.rendered) == 1, "it is not kept fresh any more"


async def test_feeds_of_fixed_rates_exist_only_if_they_are_offered() -> None:
    world = World()
    world.markups = {"summer": 75}
    assert (await world.respond("summer", Feed.FIXED_JSON)).status == 404
    terms = FixedRateTerms(premium_bps=25)
    offered = catalogue(BTC, USDT, switches=Switches(fixed_rates=True), fixed_rate_terms=terms)
    world.market.adopt_catalogue(offered)
    fixed = json.loads(await world.body("summer", Feed.FIXED_JSON))["rates"]
    floating = json.loads(await world.body("summer", Feed.FLOAT_JSON))["rates"]
    assert float(fixed[0]["out"]) < float(floating[0]["out"])


async def test_concurrent_requests_wait_for_one_rendering() -> None:
    world = World()
    world.markups = {"summer": 75}
    bodies = await asyncio.gather(*(world.body("summer") for _ in range(20)))
    assert len(set(bodies)) == len(world.rendered) == 1


async def test_a_changed_markup_is_in_effect_with_the_next_request() -> None:
    world = World()
    world.markups = {"summer": 75}
    await world.body("summer")
    world.markups = {"summer": 100}
    assert await world.body("summer") == world.expected("summer", markup_bps=100).plain


async def test_feeds_are_rendered_in_the_background_the_oldest_first() -> None:
    world = World()
    world.markups = {"first": 10, "second": 20}
    for code in world.markups:
        await world.body(code)
        world.seconds += 1
    world.price(BTC=60_000 * USD)
    await world.feeds.refresh()
    await world.feeds.refresh()
    assert world.rendered[2:] == [f"{ORIGIN}/r/first", f"{ORIGIN}/r/second"]
    await world.feeds.refresh()
    assert len(world.rendered) == 4, "nothing has changed since"
    for code, markup_bps in world.markups.items():
        assert await world.body(code) == world.expected(code, markup_bps=markup_bps).plain
    assert len(world.rendered) == 4, "requests are served from memory"


async def test_a_feed_that_the_background_has_not_reached_is_rendered_on_request() -> None:
    world = World()
    world.markups = {"summer": 75}
    before = await world.body("summer")
    world.price(BTC=60_000 * USD)
    assert await world.body("summer") == before
    world.seconds += MAX_AGE_SECONDS + 1
    assert await world.body("summer") == world.expected("summer", markup_bps=75).plain


async def test_a_change_by_the_operator_is_in_effect_with_the_next_request() -> None:
    world = World()
    world.markups = {"summer": 75}
    await world.body("summer")
    world.market.adopt_catalogue(catalogue(BTC, USDT, disabled=frozenset({("btc", "usdt")})))
    assert (await world.body("summer")).count(b"<item>") == 1


async def test_a_feed_is_forgotten_an_hour_after_its_last_request() -> None:
    world = World()
    world.markups = {"summer": 75}
    await world.body("summer")
    world.seconds += IDLE_AFTER_SECONDS - 1
    await world.body("summer")
    world.seconds += IDLE_AFTER_SECONDS - 1
    world.price(BTC=60_000 * USD)
    await world.feeds.refresh()
    assert len(world.rendered) == 2
    world.seconds += 2
    world.price(BTC=61_000 * USD)
    await world.feeds.refresh()
    assert len(world.rendered) == 2
    assert world.admitted == 1
    await world.body("summer")
    assert world.admitted == 2, "a request for what is not in memory is counted"


async def test_one_address_starts_a_bounded_number_of_feeds() -> None:
    world = World()
    world.markups = {f"code-{number}": 0 for number in range(MAX_FEEDS_PER_ADDRESS + 1)}
    *started, last = world.markups
    for code in started:
        assert (await world.respond(code)).status == 200
    with pytest.raises(RateLimited) as limited:
        await world.respond(last)
    assert 0 < limited.value.retry_after <= IDLE_AFTER_SECONDS + 1
    assert (await world.respond(last, source="192.0.2.2")).status == 200
    assert (await world.respond(last)).status == 200, "what another address has started is served"
    world.seconds += IDLE_AFTER_SECONDS + 1
    await world.feeds.refresh()
    assert (await world.respond(started[0])).status == 200


async def test_the_feed_that_was_not_requested_for_longest_makes_room() -> None:
    world = World()
    world.markups = {f"code-{number}": 0 for number in range(MAX_FEEDS + 1)}
    for number, code in enumerate(world.markups):
        await world.respond(code, source=f"192.0.2.{number}")
    rendered = len(world.rendered)
    await world.respond("code-1")
    assert len(world.rendered) == rendered
    await world.respond("code-0")
    assert len(world.rendered) == rendered + 1


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.markups = {f"code-{number}": 0 for number in range(4)}
    await world.respond("code-0")
    (feed,) = world.feeds._feeds.values()
    assert feed.document is not None
    monkeypatch.setattr(code_feeds, "MAX_BYTES", feed.document.size * 5 // 2)
    for code in world.markups:
        await world.respond(code)
    assert [code for code, _ in world.feeds._feeds] == ["code-2", "code-3"]


async def test_feeds_are_empty_while_nothing_can_be_quoted() -> None:
    world = World()
    world.markups = {"summer": 75}
    await world.body("summer")
    world.at += 61
    assert await world.body("summer") == EMPTY.plain
    assert await world.body("summer", Feed.FLOAT_JSON) == EMPTY.json
    world.price()
    assert await world.body("summer") == world.expected("summer", markup_bps=75).plain


async def test_feeds_in_memory_are_served_while_the_database_is_unavailable() -> None:
    world = World()
    world.markups = {"summer": 75, "winter": 0}
    body = await world.body("summer")
    world.database_is_gone = True
    assert await world.body("summer") == body
    with pytest.raises(Unavailable):
        await world.body("winter")


async def test_a_failed_rendering_leaves_an_empty_feed_is_logged_and_retried() -> None:
    world = World()
    world.markups = {"summer": 75}
    world.fails = True
    with capture_logs() as logs:
        assert await world.body("summer") == EMPTY.plain
    assert logs[0]["event"] == "feed rendering failed"
    world.fails = False
    assert b"<item>" in await world.body("summer")


async def test_a_cancelled_request_does_not_cancel_the_rendering_for_others() -> None:
    world = World()
    world.markups = {"summer": 75}
    cancelled = asyncio.ensure_future(world.body("summer"))
    waiting = asyncio.ensure_future(world.body("summer"))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert b"<item>" in await waiting
