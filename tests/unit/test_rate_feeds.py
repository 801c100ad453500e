"""Feeds are rendered when what they show changes, and are empty where nothing can be quoted."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from domain.assets import Catalogue, Switches
from domain.limits import Headroom
from domain.pricing import PriceTable
from feeds.xml.document import EMPTY, RateDocuments, render_rates
from gateway.market import LiveMarket
from gateway.rate_feeds import EREF, FIXED, FLOAT, PATHS, RATES, RateFeeds
from tests.market_of import USD, asset, catalogue, prices

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
        self, table: PriceTable, headroom: Headroom, *, pause: Callable[[], None]
    ) -> RateDocuments:
        self.rendered.append(threading.get_ident())
        if self.fails:
            raise ZeroDivisionError
        return render_rates(table, headroom, pause=pause)

    def body(self, path: str = RATES) -> bytes:
        return self.feeds.answer(path, {}).body

    async def refreshed(self) -> bytes:
        await self.feeds.refresh()
        return self.body()


async def test_a_feed_is_empty_before_it_is_rendered() -> None:
    world = World()
    assert world.body() == EMPTY.plain
    assert world.feeds.answer(FIXED, {}).status == 404


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
async def test_each_thing_a_feed_shows_has_it_rendered_anew(change: str) -> None:
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


async def test_stale_rates_and_maintenance_empty_the_feeds_and_their_end_fills_them() -> None:
    world = World()
    full = await world.refreshed()
    world.clock.at += 61
    assert await world.refreshed() == EMPTY.plain
    assert world.body(EREF) == EMPTY.eref
    world.price()
    assert await world.refreshed() == full
    world.switch(maintenance=True)
    assert await world.refreshed() == EMPTY.plain
    world.switch()
    assert await world.refreshed() == full


async def test_the_fixed_feed_is_there_where_fixed_rates_are_on() -> None:
    world = World()
    await world.refreshed()
    assert world.feeds.answer(FIXED, {}).status == 404
    world.switch(fixed=True)
    assert await world.refreshed() == world.body(FIXED)
    world.clock.at += 61
    await world.refreshed()
    assert world.body(FIXED) == EMPTY.plain
    world.switch()
    await world.refreshed()
    assert world.feeds.answer(FIXED, {}).status == 404


async def test_the_aliases_are_the_same_bytes_with_the_same_tag() -> None:
    world = World()
    await world.refreshed()
    assert world.feeds.answer(RATES, {}) == world.feeds.answer(FLOAT, {})
    assert world.feeds.answer(EREF, {}) != world.feeds.answer(RATES, {})
    assert set(PATHS) == {RATES, FLOAT, FIXED, EREF}


async def test_a_slow_feed_is_rendered_less_often_but_for_what_the_operator_changes() -> None:
    world = World()

    def slow(table: PriceTable, headroom: Headroom, *, pause: Callable[[], None]) -> RateDocuments:
        world.seconds += 0.5
        return world.render(table, headroom, pause=pause)

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


async def test_a_feed_that_can_not_be_rendered_is_empty_and_logged_and_tried_again() -> None:
    world = World()
    await world.refreshed()
    world.fails = True
    world.price(BTC=60_000 * USD)
    with capture_logs() as logs:
        task = asyncio.create_task(world.feeds.keep_fresh())
        await _until(lambda: bool(logs))
        assert world.body() == EMPTY.plain
        world.fails = False
        await _until(lambda: world.body() != EMPTY.plain)
        task.cancel()
    assert logs[0]["event"] == "a feed can't be rendered"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.01)
