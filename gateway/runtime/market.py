"""The market as a process sees it; a change replaces the immutable price table."""

import time
from collections.abc import Callable

from domain.assets import Catalogue
from domain.errors import RatesUnavailable, Unavailable
from domain.market.limits import Headroom
from domain.market.pricing import UNBOUNDED, PriceTable
from domain.market.rates import RateSnapshot

STALE = "the rates are stale"
OTHER_MODE = {
    True: "the database is a sandbox, and this process is not in sandbox mode",
    False: "this process is in sandbox mode, and the database is not a sandbox",
}


class LiveMarket:
    """The Market of a running process: the newest catalogue and the newest rate snapshot."""

    def __init__(
        self, *, sandbox: bool = False, unix_time: Callable[[], float] = time.time
    ) -> None:
        """Accept only catalogues of the given mode."""
        self._unix_time = unix_time
        self._sandbox = sandbox
        self._catalogue: Catalogue | None = None
        self._snapshot: RateSnapshot | None = None
        self._headroom = UNBOUNDED
        self._table: PriceTable | None = None

    @property
    def catalogue(self) -> Catalogue:
        """See Market."""
        if self._catalogue is None:
            raise Unavailable("the catalogue has not been read yet")
        return self._catalogue

    @property
    def headroom(self) -> Headroom:
        """See Market."""
        return self._headroom

    def snapshot(self) -> RateSnapshot:
        """See Market."""
        snapshot = self._snapshot
        if snapshot is None:
            raise RatesUnavailable("there are no rates")
        if snapshot.is_stale(self._unix_time()):
            raise RatesUnavailable(STALE)
        if not snapshot.prices:
            raise RatesUnavailable("no coin has a price")
        return snapshot

    def prices(self) -> PriceTable:
        """See Market."""
        table = self._table
        if table is None:
            table = self._table = PriceTable(self.catalogue, self.snapshot())
        elif table.snapshot.is_stale(self._unix_time()):
            raise RatesUnavailable(STALE)
        return table

    def newest_snapshot(self) -> RateSnapshot | None:
        """See Market."""
        return self._snapshot

    def has_fresh_rates(self) -> bool:
        """Return whether `snapshot` would return a snapshot."""
        try:
            self.snapshot()
        except Unavailable:
            return False
        return True

    def is_ready(self) -> bool:
        """Return whether a catalogue has been read."""
        return self._catalogue is not None

    def can_quote(self) -> bool:
        """Return whether there is all that a quote needs: a catalogue and fresh rates."""
        return self.is_ready() and self.has_fresh_rates()

    def adopt_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the catalogue; raise Unavailable for one of the other mode.

        The pay-in addresses of a sandbox have no keys: real money sent to one would be lost.
        """
        if catalogue.sandbox is not self._sandbox:
            raise Unavailable(OTHER_MODE[catalogue.sandbox])
        self._catalogue = catalogue
        self._table = None

    def adopt_headroom(self, headroom: Headroom) -> None:
        """Replace the amounts that new orders may commit the operator to."""
        self._headroom = UNBOUNDED if headroom == UNBOUNDED else headroom

    def adopt_snapshot(self, snapshot: RateSnapshot) -> None:
        """Replace the snapshot if the given one is newer.

        A current snapshot from the future is replaced as well: a clock has been set back since.
        """
        current, now = self._snapshot, self._unix_time()
        if current is None or snapshot.at > current.at or current.is_from_the_future(now):
            self._snapshot = snapshot
            self._table = None
