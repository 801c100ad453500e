"""A rate snapshot: the USD mid price of each coin at one moment, and when it is too old."""

from collections.abc import Mapping

import msgspec

from domain.errors import Unavailable

MAX_AGE_SECONDS = 60
"""An older snapshot is not quoted from (contract, section 7)."""
MAX_AHEAD_SECONDS = 5
"""How far the clocks of two machines may be apart."""


class RateSnapshot(msgspec.Struct, frozen=True):
    """USD mid prices by coin (`"BTC"`), in whole units of 10^-18 USD, as of unix seconds `at`."""

    at: float
    prices: Mapping[str, int]

    def is_stale(self, now: float) -> bool:
        """Tell whether the snapshot is older than may be quoted from at unix time `now`."""
        return not -MAX_AHEAD_SECONDS <= now - self.at <= MAX_AGE_SECONDS

    def is_from_the_future(self, now: float) -> bool:
        """Tell whether it is ahead of `now` by more than clocks disagree.

        After a clock was set back, a snapshot of before would otherwise be fresh for as long.
        """
        return now - self.at < -MAX_AHEAD_SECONDS

    def price(self, coin: str) -> int:
        """Return the coin's price; raise Unavailable where the market has none."""
        price = self.prices.get(coin)
        if price is None:
            raise Unavailable(f"no price for {coin}")
        return price
