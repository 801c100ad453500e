"""What a process knows of assets and prices; a change swaps in a new immutable table."""

from domain.assets import Catalogue
from domain.errors import Unavailable
from domain.ports import Clock
from domain.rates import RateSnapshot


class LiveMarket:
    """The Market of a running process: the newest catalogue and the newest rate snapshot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._catalogue: Catalogue | None = None
        self._snapshot: RateSnapshot | None = None

    @property
    def catalogue(self) -> Catalogue:
        """See Market."""
        if self._catalogue is None:
            raise Unavailable("the catalogue has not been read yet")
        return self._catalogue

    def snapshot(self) -> RateSnapshot:
        """See Market."""
        snapshot = self._snapshot
        if snapshot is None:
            raise Unavailable("there are no rates")
        if snapshot.is_stale(self._clock.now().timestamp()):
            raise Unavailable("the rates are stale")
        return snapshot

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
        """Swap in a new catalogue."""
        self._catalogue = catalogue

    def adopt_snapshot(self, snapshot: RateSnapshot) -> None:
        """Swap in a snapshot unless an equally new one is known."""
        if self._snapshot is None or snapshot.at > self._snapshot.at:
            self._snapshot = snapshot
