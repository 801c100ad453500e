"""The rate source over exchanges: consolidates their books into snapshots."""

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
"""How long the first snapshot waits for each exchange; less would withdraw available coins."""

log = structlog.get_logger()


class ExchangeMarket:
    """A RateSource over exchanges; an async context manager, which keeps their books updated."""

    def __init__(
        self,
        venues: Sequence[Venue],
        *,
        coins: Callable[[], Collection[str]],
        clock: Clock,
        monotonic: Callable[[], float],
        min_sources: int,
    ) -> None:
        self._venues = venues
        self._coins = coins
        self._clock = clock
        self._monotonic = monotonic
        self._min_sources = min_sources
        self._withdrawn: frozenset[str] = frozenset()
        self._polled = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start to update the books."""
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
                    group.create_task(wait_for(venue.polled, FIRST_POLL_SECONDS))
            self._polled = True
        return self.current()

    def current(self) -> RateSnapshot:
        """Return the prices of the current books."""
        books = [book for venue in self._venues for book in venue.books()]
        consolidated = consolidate(
            books, self._coins(), now=self._monotonic(), min_sources=self._min_sources
        )
        self._report(consolidated)
        return RateSnapshot(at=self._clock.now().timestamp(), prices=consolidated.prices)

    def health(self) -> SourcesHealth:
        """Return the health of the exchanges."""
        return SourcesHealth(
            at=self._clock.now().timestamp(),
            venues=[venue.health() for venue in self._venues],
            withdrawn=sorted(self._withdrawn),
        )

    def _report(self, consolidated: Consolidated) -> None:
        """Log coins that were withdrawn or restored, and update the metrics."""
        withdrawn = consolidated.withdrawn - self._withdrawn
        restored = self._withdrawn - consolidated.withdrawn
        if withdrawn:
            log.warning("coins withdrawn: too few sources agree", coins=sorted(withdrawn))
        if restored:
            log.info("coins restored", coins=sorted(restored))
        self._withdrawn = consolidated.withdrawn
        metrics.count(self.health().venues, consolidated)
