"""Keeps the books of one exchange: streamed by WebSocket, polled by HTTP every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.market.consolidation import Book
from feeds.loop import Backoff, reason_of, run_forever
from feeds.rates.health import VenueHealth
from feeds.rates.venues import markets_of

POLL_SECONDS: Final = 4.0
"""Between two HTTP polls: streams send nothing about markets without activity."""
TIMEOUT_SECONDS: Final = 8.0
FIRST_PAUSE_SECONDS: Final = 0.5
BACKOFF: Final = Backoff(min_seconds=1.0, max_seconds=15.0)
SILENCE_SECONDS: Final = 30.0
GATHER_SECONDS: Final = 0.1
CLOSE_SECONDS: Final = 2.0

POLLING: Final = "polling"
STREAMING: Final = "streaming"


class Venue:
    """The books of an exchange, updated by `run`, which retries after every failure."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        *,
        coins: Callable[[], Collection[str]],
        monotonic: Callable[[], float],
    ) -> None:
        """`connect` creates a ccxt client; `coins` returns the coins to price."""
        self.name = name
        self.polled = asyncio.Event()
        """Set after the first poll, successful or not."""
        self._connect = connect
        self._coins = coins
        self._monotonic = monotonic
        self._books: dict[str, Book] = {}
        self._last_tickers: dict[str, Any] = {}
        self._markets: list[str] = []
        self._streamed = False
        self._errors: dict[str, str] = {}

    def books(self) -> list[Book]:
        """Return the current books."""
        return list(self._books.values())

    def health(self) -> VenueHealth:
        """Return the current health."""
        newest = max((book.at for book in self._books.values()), default=None)
        return VenueHealth(
            name=self.name,
            markets=len(self._markets),
            books=len(self._books),
            streaming=self._streamed and STREAMING not in self._errors,
            age=None if newest is None else round(self._monotonic() - newest, 3),
            error=self._errors.get(POLLING) or self._errors.get(STREAMING),
        )

    async def run(self) -> None:
        """Update the books until cancelled."""
        venue = self._connect()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._run(POLLING, lambda: self._poll(venue)))
                group.create_task(self._run(STREAMING, lambda: self._stream(venue)))
        finally:
            with suppress(Exception):  # a broken connection may raise anything when closed
                async with asyncio.timeout(CLOSE_SECONDS):
                    await venue.close()

    async def _run(self, task: str, once: Callable[[], Awaitable[float]]) -> None:
        async def step() -> float:
            try:
                pause = await once()
            except Exception as error:
                self._errors[task] = reason_of(error)
                raise
            else:
                self._errors.pop(task, None)
                return pause
            finally:
                if task == POLLING:
                    self.polled.set()

        # exchanges send anything and ccxt raises anything: none of it is a defect of this process
        await run_forever(step, name=f"{self.name} {task}", backoff=BACKOFF, expected=Exception)

    async def _poll(self, venue: Any) -> float:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await venue.load_markets()
            self._adopt_markets(venue)
            if self._markets:
                self._update(await venue.fetch_tickers(self._markets), complete_only=True)
        return POLL_SECONDS

    async def _stream(self, venue: Any) -> float:
        """Update books from the streams; raise TimeoutError after long silence."""
        if not self._markets:  # the first poll loads them
            return FIRST_PAUSE_SECONDS
        async with asyncio.timeout(SILENCE_SECONDS):
            await venue.watch_tickers(list(self._markets))
        self._streamed = True
        self._update(venue.tickers, complete_only=False)
        return GATHER_SECONDS

    def _adopt_markets(self, venue: Any) -> None:
        markets = markets_of(venue, self._coins())
        if markets != self._markets:
            self._markets = markets
            self._books = {name: self._books[name] for name in markets if name in self._books}

    def _update(self, tickers: Any, *, complete_only: bool) -> None:
        """Update books from new tickers: ccxt creates a new object for each message.

        With `complete_only`, tickers without both sides are skipped: the HTTP responses of some
        exchanges never have them, and must not replace what their streams sent.
        """
        for market in self._markets:
            ticker = tickers.get(market)
            if ticker is None or ticker is self._last_tickers.get(market):
                continue
            bid, ask = _decimal(ticker.get("bid")), _decimal(ticker.get("ask"))
            if complete_only and (bid is None or ask is None):
                continue
            self._last_tickers[market] = ticker
            coin, _, priced_in = market.partition("/")
            at = self._monotonic()
            self._books[market] = Book(self.name, coin, priced_in, bid, ask, at)


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
