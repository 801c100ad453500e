"""The market as a process sees it, and the sources of its prices."""

from typing import Protocol

from domain.assets import Catalogue
from domain.market.limits import Headroom
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot


class Market(Protocol):
    """The current catalogue and prices of a process; each is replaced as a whole."""

    @property
    def catalogue(self) -> Catalogue:
        """Return the current assets and pairs; raise Unavailable before the first are known."""

    @property
    def headroom(self) -> Headroom:
        """Return the remaining capacity as last read."""

    def snapshot(self) -> RateSnapshot:
        """Return the current prices; raise RatesUnavailable if missing or stale."""

    def prices(self) -> PriceTable:
        """Return all pairs at the current prices; raise RatesUnavailable as `snapshot` does."""

    def newest_snapshot(self) -> RateSnapshot | None:
        """Return the last known prices, of any age; None before the first."""


class RateSource(Protocol):
    """A source of prices: the sandbox market, or exchanges."""

    async def snapshot(self) -> RateSnapshot:
        """Return the current prices."""
