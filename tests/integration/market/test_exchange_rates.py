"""Prices from exchanges over real HTTP and WebSocket connections, with all kinds of failures."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial

import pytest
from structlog.testing import capture_logs

from feeds.rates.exchanges import ExchangeMarket
from feeds.rates.health import VenueHealth, decode_health, encode_health
from feeds.rates.venue import Venue
from feeds.rates.venues import VENUES, venue_in_ccxt
from gateway.runtime.clock import SystemClock
from tests.support.servers.exchanges.books import Trouble
from tests.support.servers.exchanges.server import Exchanges
from tests.support.waiting import wait_until_async

COINS = frozenset({"BTC", "ETH", "USDT", "USDC", "LTC", "XMR"})
CLOSE = Decimal("0.001")


class Running:
    """Simulated exchanges and the market that uses them."""

    def __init__(self, exchanges: Exchanges, market: ExchangeMarket) -> None:
        self.exchanges = exchanges
        self.market = market

    def prices(self) -> dict[str, Decimal]:
        return {
            coin: Decimal(units) / 10**18 for coin, units in self.market.current().prices.items()
        }

    def health(self) -> dict[str, VenueHealth]:
        return {one.name: one for one in self.market.health().venues}

    async def until_right(self) -> None:
        """Wait until all coins have the prices of the exchanges."""
        await wait_until_async(self.are_right, context=self.prices)

    def are_right(self, coins: frozenset[str] = COINS) -> bool:
        found = self.prices()
        return found.keys() == coins and all(
            abs(price / Decimal(self.exchanges.usd[coin]) - 1) < CLOSE
            for coin, price in found.items()
        )


@asynccontextmanager
async def running(exchanges: Exchanges, *, skipped: float = 0) -> AsyncIterator[Running]:
    """`skipped` seconds are added to the clock once books have arrived, which ages them."""

    def connected(name: str) -> Venue:
        connect = partial(venue_in_ccxt, name, base_url=exchanges.url)
        return Venue(name, connect, coins=lambda: COINS, monotonic=time.monotonic)

    async with exchanges.served():
        market = ExchangeMarket(
            [connected(name) for name in VENUES],
            coins=lambda: COINS,
            clock=SystemClock(),
            monotonic=lambda: time.monotonic() + skipped,
            min_sources=2,
        )
        async with market:
            yield Running(exchanges, market)


async def test_all_four_exchanges_are_polled_and_streamed() -> None:
    async with running(Exchanges()) as world:
        await wait_until_async(world.market.snapshot, lambda known: known.prices.keys() == COINS)
        await world.until_right()
        # each exchange is asked by HTTP and streams at its own pace: its books come one by one
        await wait_until_async(
            lambda: {
                name: (one.books, one.streaming, one.error) for name, one in world.health().items()
            },
            {
                "kraken": (6, True, None),
                "coinbase": (4, True, None),
                "binance": (5, True, None),
                "okx": (4, True, None),
            }.__eq__,
        )
        world.exchanges.usd["BTC"] = 61_000.0
        world.exchanges.usd["USDT"] = 0.999
        await world.until_right()
        assert decode_health(encode_health(world.market.health())).withdrawn == []


async def test_prices_are_updated_by_http_if_streams_are_silent() -> None:
    exchanges = Exchanges()
    exchanges.silent_streams = {"kraken", "binance", "okx"}
    async with running(exchanges) as world:
        await world.until_right()
        exchanges.usd["ETH"] = 3_030.0
        await world.until_right()


@pytest.mark.parametrize("venue", VENUES)
async def test_one_exchange_at_ten_times_the_price_changes_no_price(venue: str) -> None:
    exchanges = Exchanges()
    exchanges.trouble(Trouble.TENFOLD, [venue])
    async with running(exchanges) as world:
        coins = frozenset({"BTC", "ETH", "LTC"})
        found = await wait_until_async(world.prices, lambda prices: prices.keys() >= coins)
        for coin in coins:
            assert abs(found[coin] / Decimal(exchanges.usd[coin]) - 1) < CLOSE


@pytest.mark.parametrize(
    "trouble",
    [Trouble.HANGS, Trouble.GARBAGE, Trouble.HALF, Trouble.CROSSED, Trouble.UNAVAILABLE],
)
async def test_prices_are_available_without_an_exchange_that_fails_from_the_start(
    trouble: Trouble,
) -> None:
    exchanges = Exchanges()
    exchanges.trouble(trouble, ["okx"])
    async with running(exchanges) as world:
        await world.until_right()
        exchanges.trouble(None, ["okx"])


async def test_timestamps_of_exchanges_are_ignored() -> None:
    exchanges = Exchanges()
    exchanges.trouble(Trouble.OTHER_TIME, VENUES)
    async with running(exchanges) as world:
        await world.until_right()


async def test_all_coins_are_withdrawn_while_no_exchange_is_available() -> None:
    exchanges = Exchanges()
    exchanges.trouble(Trouble.UNAVAILABLE, VENUES)
    async with running(exchanges) as world:
        with capture_logs() as logs:
            assert (await world.market.snapshot()).prices == {}
        withdrawn = [one for one in logs if one["event"].startswith("coins withdrawn")]
        assert [one["coins"] for one in withdrawn] == [sorted(COINS)]
        await wait_until_async(lambda: [one.error for one in world.health().values()], all)
        assert world.market.health().withdrawn == sorted(COINS)
        exchanges.trouble(None, VENUES)
        await world.until_right()
        await wait_until_async(
            lambda: [one.error for one in world.health().values()], ([None] * len(VENUES)).__eq__
        )


async def test_coins_are_withdrawn_when_their_books_expire() -> None:
    async with running(Exchanges(), skipped=29) as world:
        await wait_until_async(world.prices)
        world.exchanges.trouble(Trouble.HANGS, VENUES)
        await wait_until_async(world.prices, {}.__eq__)
        world.exchanges.trouble(None, VENUES)
        await world.until_right()
