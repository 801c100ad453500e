"""What a process knows of assets and prices; a change swaps in a new immutable table."""

import time
from collections.abc import Callable

from domain.assets import Catalogue
from domain.errors import Unavailable
from domain.market.limits import Headroom
from domain.market.pricing import UNBOUNDED, PriceTable
from domain.market.rates import RateSnapshot

STALE = "the rates are stale"
OTHER_MODE = {
    True: "the database is a sandbox's, and this process isn't in sandbox mode",
    False: "this process is in sandbox mode, and the database isn't a sandbox's",
}


class LiveMarket:
    """The Market of a running process: the newest catalogue and the newest rate snapshot."""

    def __init__(
        self, *, sandbox: bool = False, unix_time: Callable[[], float] = time.time
    ) -> None:
        """Take the process's mode: a catalogue of the other one is refused."""
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
            raise Unavailable("there are no rates")
        if snapshot.is_stale(self._unix_time()):
            raise Unavailable(STALE)
        if not snapshot.prices:
            raise Unavailable("no coin has a price")
        return snapshot

    def prices(self) -> PriceTable:
        """See Market."""
        table = self._table
        if table is None:
            table = self._table = PriceTable(self.catalogue, self.snapshot())
        elif table.snapshot.is_stale(self._unix_time()):
            raise Unavailable(STALE)
        return table

    def newest_snapshot(self) -> RateSnapshot | None:
        """See Market."""
        return self._snapshot

    def has_fresh_rates(self) -> bool:
        """Tell whether `snapshot` would answer."""
        try:
            self.snapshot()
        except Unavailable:
            return False
        return True

    def is_ready(self) -> bool:
        """Tell whether a catalogue has been read."""
        return self._catalogue is not None

    def has_all(self) -> bool:
        """Tell whether there is what quoting needs: a catalogue, and fresh rates."""
        return self.is_ready() and self.has_fresh_rates()

    def adopt_catalogue(self, catalogue: Catalogue) -> None:
        """Swap in a new catalogue; raise Unavailable for one of the other mode.

        A sandbox's pay-in addresses are made up: real money sent to one would be lost.
        """
        if catalogue.sandbox is not self._sandbox:
            raise Unavailable(OTHER_MODE[catalogue.sandbox])
        self._catalogue = catalogue
        self._table = None

    def adopt_headroom(self, headroom: Headroom) -> None:
        """Take note of how much may be promised now."""
        self._headroom = UNBOUNDED if headroom == UNBOUNDED else headroom

    def adopt_snapshot(self, snapshot: RateSnapshot) -> None:
        """Swap in a snapshot unless an equally new one is known.

        One from the future isn't newer than any: it was made before a clock was set back.
        """
        known, now = self._snapshot, self._unix_time()
        if known is None or snapshot.at > known.at or known.is_from_the_future(now):
            self._snapshot = snapshot
            self._table = None
