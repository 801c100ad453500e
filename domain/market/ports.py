"""Where prices come from, and what a process knows of assets and prices."""

from typing import Protocol

from domain.assets import Catalogue
from domain.market.limits import Headroom
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot


class Market(Protocol):
    """What this process knows of assets and prices; both are swapped as a whole."""

    @property
    def catalogue(self) -> Catalogue:
        """Return the assets and pairs as they are now; raise Unavailable before the first."""

    @property
    def headroom(self) -> Headroom:
        """Return how much may be promised, as of a moment ago."""

    def snapshot(self) -> RateSnapshot:
        """Return the prices of now; raise Unavailable where they are missing or stale."""

    def prices(self) -> PriceTable:
        """Return all pairs at the prices of now; raise Unavailable as `snapshot` does."""

    def newest_snapshot(self) -> RateSnapshot | None:
        """Return the newest prices known, however old; None before the first."""


class RateSource(Protocol):
    """Where prices come from: the sandbox market, or exchanges."""

    async def snapshot(self) -> RateSnapshot:
        """Return the current prices."""
