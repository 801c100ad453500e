"""The market of exchanges: their books as one snapshot a second."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final, Self

import structlog

from domain.clock import Clock
from domain.market.consolidation import Consolidated, consolidate
from domain.market.rates import RateSnapshot
from feeds.loop import wait_for
from feeds.rates import metrics
from feeds.rates.health import SourcesHealth
from feeds.rates.venue import Venue

FIRST_POLL_SECONDS: Final = 10.0
"""How long the first answers of all exchanges are waited for: less would withdraw what is there."""

log = structlog.get_logger()


class ExchangeMarket:
    """A RateSource over exchanges; used as a context, in which their books are kept."""

    def __init__(
        self,
        venues: Sequence[Venue],
        *,
        coins: Callable[[], Collection[str]],
        clock: Clock,
        monotonic: Callable[[], float],
        needed: int,
    ) -> None:
        self._venues = venues
        self._coins = coins
        self._clock = clock
        self._monotonic = monotonic
        self._needed = needed
        self._withdrawn: frozenset[str] = frozenset()
        self._polled = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to keep the books."""
        self._tasks = [asyncio.create_task(venue.run(), name=venue.name) for venue in self._venues]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def snapshot(self) -> RateSnapshot:
        """Return the current prices; the first time, wait until each exchange has been polled."""
        if not self._polled:
            async with asyncio.TaskGroup() as group:
                for venue in self._venues:
                    group.create_task(wait_for(venue.asked, FIRST_POLL_SECONDS))
            self._polled = True
        return self.current()

    def current(self) -> RateSnapshot:
        """Return the prices of the books held at this moment."""
        books = [book for venue in self._venues for book in venue.books()]
        consolidated = consolidate(books, self._coins(), now=self._monotonic(), needed=self._needed)
        self._tell(consolidated)
        return RateSnapshot(at=self._clock.now().timestamp(), prices=consolidated.prices)

    def health(self) -> SourcesHealth:
        """Return how the exchanges do."""
        return SourcesHealth(
            at=self._clock.now().timestamp(),
            venues=[venue.health() for venue in self._venues],
            withdrawn=sorted(self._withdrawn),
        )

    def _tell(self, consolidated: Consolidated) -> None:
        """Log what has been withdrawn or has come back, and count."""
        gone = consolidated.withdrawn - self._withdrawn
        back = self._withdrawn - consolidated.withdrawn
        if gone:
            log.warning("too few sources", withdrawn=sorted(gone))
        if back:
            log.info("enough sources again", coins=sorted(back))
        self._withdrawn = consolidated.withdrawn
        metrics.count(self.health().venues, consolidated)
