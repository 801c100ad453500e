"""Keeps the books of one exchange: told by WebSocket, and asked for by HTTP every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.market.consolidation import Book
from feeds.loop import Backoff, reason_of, run_forever
from feeds.rates.health import VenueHealth
from feeds.rates.venues import markets_of

ASK_SECONDS: Final = 4.0
"""Between two HTTP rounds: streams are silent about markets in which nothing happens."""
ANSWER_SECONDS: Final = 8.0
RELOAD_SECONDS: Final = 3_600.0
FIRST_PAUSE_SECONDS: Final = 0.5
BACKOFF: Final = Backoff(min_seconds=1.0, max_seconds=15.0)
SILENCE_SECONDS: Final = 30.0
GATHER_SECONDS: Final = 0.1
CLOSE_SECONDS: Final = 2.0

ASKING: Final = "asking"
STREAMING: Final = "streaming"


class Venue:
    """An exchange's books, kept fresh by `run`. What fails is tried again, for ever."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        *,
        coins: Callable[[], Collection[str]],
        monotonic: Callable[[], float],
    ) -> None:
        """Take what makes a ccxt client, what coins are wanted now, and a clock."""
        self.name = name
        self.asked = asyncio.Event()
        """Set once the exchange was asked for the first time, whatever came of it."""
        self._connect = connect
        self._coins = coins
        self._monotonic = monotonic
        self._books: dict[str, Book] = {}
        self._seen: dict[str, Any] = {}
        self._markets: list[str] = []
        self._streamed = False
        self._errors: dict[str, str] = {}

    def books(self) -> list[Book]:
        """Return what is known of the markets that are wanted."""
        return list(self._books.values())

    def health(self) -> VenueHealth:
        """Return how it does at the moment."""
        newest = max((book.at for book in self._books.values()), default=None)
        return VenueHealth(
            name=self.name,
            markets=len(self._markets),
            books=len(self._books),
            streaming=self._streamed and STREAMING not in self._errors,
            age=None if newest is None else round(self._monotonic() - newest, 3),
            error=self._errors.get(ASKING) or self._errors.get(STREAMING),
        )

    async def run(self) -> None:
        """Keep the books fresh until cancelled."""
        venue = self._connect()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._run(ASKING, lambda: self._ask(venue)))
                group.create_task(self._run(STREAMING, lambda: self._stream(venue)))
        finally:
            with suppress(Exception):  # whatever a broken connection says while it is closed
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
                if task == ASKING:
                    self.asked.set()

        # exchanges send anything and ccxt raises anything: no failure of theirs is a defect of ours
        await run_forever(step, name=f"{self.name} {task}", backoff=BACKOFF, expected=Exception)

    async def _ask(self, venue: Any) -> float:
        async with asyncio.timeout(ANSWER_SECONDS):
            await venue.load_markets()
            self._adopt_markets(venue)
            if self._markets:
                self._take(await venue.fetch_tickers(self._markets), whole=True)
        return ASK_SECONDS

    async def _stream(self, venue: Any) -> float:
        """Take what the streams say of any market; raise TimeoutError after long silence."""
        if not self._markets:  # they are loaded by asking
            return FIRST_PAUSE_SECONDS
        async with asyncio.timeout(SILENCE_SECONDS):
            await venue.watch_tickers(list(self._markets))
        self._streamed = True
        self._take(venue.tickers, whole=False)
        return GATHER_SECONDS

    def _adopt_markets(self, venue: Any) -> None:
        markets = markets_of(venue, self._coins())
        if markets != self._markets:
            self._markets = markets
            self._books = {name: self._books[name] for name in markets if name in self._books}

    def _take(self, tickers: Any, *, whole: bool) -> None:
        """Take over tickers that are new: ccxt makes a new object of each message.

        With `whole` those that lack a side are left out: some exchanges' HTTP answers never have
        any, and shall not undo what their streams tell.
        """
        for market in self._markets:
            ticker = tickers.get(market)
            if ticker is None or ticker is self._seen.get(market):
                continue
            bid, ask = _decimal(ticker.get("bid")), _decimal(ticker.get("ask"))
            if whole and (bid is None or ask is None):
                continue
            self._seen[market] = ticker
            coin, _, priced_in = market.partition("/")
            at = self._monotonic()
            self._books[market] = Book(self.name, coin, priced_in, bid, ask, at)


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
