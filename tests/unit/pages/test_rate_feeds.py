"""Feeds are rendered when their inputs change, and are empty if nothing can be quoted."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from domain.assets import Catalogue, FixedRateTerms, Switches
from domain.market.limits import Headroom
from domain.market.pricing import UNBOUNDED, PriceTable
from feeds.xml.document import EMPTY, RateDocuments, render_rates
from gateway.pages.rate_feeds import BY_PATH, IDLE_AFTER_SECONDS, RATES, Feed, RateFeeds
from gateway.runtime.market import LiveMarket
from tests.support.builders.market import USD, asset, catalogue, prices
from tests.support.waiting import wait_until_async

BTC, USDT = asset("BTC"), asset("USDT", 6)
USD_PRICES = {"BTC": 62_500 * USD, "USDT": USD}


class SetClock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class World:
    """A market, its clock, and a feed of it that counts its renderings."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.market = LiveMarket(unix_time=self.clock)
        self.rendered: list[int] = []
        self.seconds = 0.0
        self.fails = False
        self.feeds = RateFeeds(self.market, self.render, empty=EMPTY, now=lambda: self.seconds)
        self.market.adopt_catalogue(catalogue(BTC, USDT))
        self.price()

    def price(self, **usd: int) -> None:
        self.clock.at += 1
        self.market.adopt_snapshot(prices({**USD_PRICES, **usd}, at=self.clock.at))

    def switch(self, *, maintenance: bool = False, fixed: bool = False) -> Catalogue:
        switches = Switches(maintenance=maintenance, fixed_rates=fixed)
        switched = catalogue(BTC, USDT, switches=switches)
        self.market.adopt_catalogue(switched)
        return switched

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
        self.rendered.append(threading.get_ident())
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

    async def body(self, feed: Feed = Feed.FLOAT_XML) -> bytes:
        return (await self.feeds.respond(feed, {})).body

    async def refreshed(self) -> bytes:
        await self.feeds.refresh()
        return await self.body()


async def test_a_feed_is_empty_before_the_catalogue_is_read() -> None:
    feeds = RateFeeds(LiveMarket(), render_rates, empty=EMPTY)
    assert (await feeds.respond(Feed.FLOAT_XML, {})).body == EMPTY.plain
    assert (await feeds.respond(Feed.FIXED_XML, {})).status == 404


async def test_idle_feeds_are_rendered_once_for_all_concurrent_first_requests() -> None:
    world = World()
    task = asyncio.create_task(world.feeds.keep_fresh())
    try:
        await asyncio.sleep(0)
        assert world.rendered == []
        first = await asyncio.gather(world.body(), world.body(), world.body())
        assert len(set(first)) == 1
        assert first[0].count(b"<item>") == 2
        assert len(world.rendered) == 1
        world.seconds += IDLE_AFTER_SECONDS + 1
        world.price(BTC=60_000 * USD)
        assert await world.body() not in {first[0], EMPTY.plain}
        assert len(world.rendered) == 2
    finally:
        task.cancel()


async def test_a_cancelled_request_does_not_cancel_the_rendering_for_others() -> None:
    world = World()
    cancelled, waiting = asyncio.ensure_future(world.body()), asyncio.ensure_future(world.body())
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await waiting).count(b"<item>") == 2


async def test_a_failed_first_rendering_leaves_an_empty_feed_and_is_logged() -> None:
    world = World()
    world.fails = True
    with capture_logs() as logs:
        assert await world.body() == EMPTY.plain
    assert logs[0]["event"] == "feed rendering failed"


async def test_idle_feeds_release_their_memory() -> None:
    world = World()
    await world.body()
    world.seconds += IDLE_AFTER_SECONDS + 1
    task = asyncio.create_task(world.feeds.keep_fresh())
    await asyncio.sleep(0)
    task.cancel()
    world.fails = True
    with capture_logs():
        assert await world.body() == EMPTY.plain


async def test_a_feed_is_rendered_on_another_thread_and_only_when_it_changes() -> None:
    world = World()
    first = await world.refreshed()
    assert first.count(b"<item>") == 2
    world.price()
    world.market.adopt_headroom(Headroom(usd_today=5))
    assert await world.refreshed() is first
    assert len(world.rendered) == 1
    assert world.rendered[0] != threading.get_ident()


@pytest.mark.parametrize("change", ["price", "reserve", "catalogue"])
async def test_every_input_of_a_feed_triggers_rendering(change: str) -> None:
    world = World()
    await world.refreshed()
    if change == "price":
        world.price(BTC=60_000 * USD)
    elif change == "reserve":
        world.market.adopt_headroom(Headroom({"btc": 7}))
    else:
        world.switch()
    await world.refreshed()
    assert len(world.rendered) == 2


async def test_stale_rates_and_maintenance_empty_the_feeds_until_they_end() -> None:
    world = World()
    full = await world.refreshed()
    world.clock.at += 61
    assert await world.refreshed() == EMPTY.plain
    assert await world.body(Feed.EREF) == EMPTY.eref
    world.price()
    assert await world.refreshed() == full
    world.switch(maintenance=True)
    assert await world.refreshed() == EMPTY.plain
    world.switch()
    assert await world.refreshed() == full


async def test_the_fixed_feed_exists_only_if_fixed_rates_are_on() -> None:
    world = World()
    await world.refreshed()
    assert (await world.feeds.respond(Feed.FIXED_XML, {})).status == 404
    world.switch(fixed=True)
    assert await world.refreshed() == await world.body(Feed.FIXED_XML)
    world.clock.at += 61
    await world.refreshed()
    assert await world.body(Feed.FIXED_XML) == EMPTY.plain
    world.switch()
    await world.refreshed()
    assert (await world.feeds.respond(Feed.FIXED_XML, {})).status == 404


def test_every_feed_has_an_address_and_the_float_feed_two() -> None:
    assert BY_PATH[RATES] is BY_PATH["/rates/float.xml"] is Feed.FLOAT_XML
    assert set(BY_PATH.values()) == set(Feed)
    assert len(BY_PATH) == len(Feed) + 1


async def test_only_the_requested_formats_are_compressed_and_kept_fresh() -> None:
    world = World()
    first = await world.body()
    assert await world.body(Feed.EREF) != first
    world.price(BTC=60_000 * USD)
    world.seconds += IDLE_AFTER_SECONDS / 2
    await world.body(Feed.FLOAT_JSON)
    world.seconds += IDLE_AFTER_SECONDS / 2 + 1
    world.price(BTC=61_000 * USD)
    await world.feeds.refresh()
    assert set(world.feeds._documents) == {Feed.FLOAT_JSON}
    assert await world.body() not in {first, EMPTY.plain}


async def test_formats_that_are_first_requested_together_are_all_rendered() -> None:
    world = World()
    bodies = await asyncio.gather(*(world.body(feed) for feed in Feed if not feed.is_fixed))
    assert [body.count(b"from") for body in bodies] == [4, 2, 12]


async def test_the_feed_of_fixed_rates_contains_their_premium() -> None:
    world = World()
    for premium_bps in (0, 25):
        terms = FixedRateTerms(premium_bps=premium_bps)
        offered = catalogue(BTC, USDT, switches=Switches(fixed_rates=True), fixed_rate_terms=terms)
        world.market.adopt_catalogue(offered)
        await world.feeds.refresh()
        table = PriceTable(offered, world.market.snapshot())
        assert await world.body() == render_rates(table, UNBOUNDED).plain
        expected = render_rates(table, UNBOUNDED, premium_bps=premium_bps).plain
        assert await world.body(Feed.FIXED_XML) == expected
        assert (await world.body(Feed.FIXED_XML) == await world.body()) == (premium_bps == 0)


async def test_a_slow_feed_is_rendered_less_often_except_for_operator_changes() -> None:
    world = World()

    def slow(
        table: PriceTable,
        headroom: Headroom,
        *,
        premium_bps: int = 0,
        markup_bps: int = 0,
        link: str | None = None,
        pause: Callable[[], None],
    ) -> RateDocuments:
        world.seconds += 0.5
        return world.render(
            table,
            headroom,
            premium_bps=premium_bps,
            markup_bps=markup_bps,
            link=link,
            pause=pause,
        )

    world.feeds = RateFeeds(world.market, slow, empty=EMPTY, now=lambda: world.seconds)
    await world.refreshed()
    world.price(BTC=60_000 * USD)
    await world.refreshed()
    assert len(world.rendered) == 1
    world.switch()
    await world.refreshed()
    assert len(world.rendered) == 2
    world.price(BTC=60_001 * USD)
    world.seconds += 5
    await world.refreshed()
    assert len(world.rendered) == 3


async def test_a_failed_rendering_empties_the_feed_is_logged_and_retried() -> None:
    world = World()
    await world.refreshed()
    world.fails = True
    world.price(BTC=60_000 * USD)
    with capture_logs() as logs:
        task = asyncio.create_task(world.feeds.keep_fresh())
        await wait_until_async(lambda: logs)
        assert await world.body() == EMPTY.plain
        world.fails = False
        await wait_until_async(world.body, lambda body: body != EMPTY.plain)
        task.cancel()
    assert logs[0]["event"] == "feed rendering failed"
