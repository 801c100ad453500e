"""A rate snapshot: the USD mid price of each coin at one moment, and its maximum age."""

from collections.abc import Mapping

import msgspec

from domain.errors import RatesUnavailable

MAX_AGE_SECONDS = 60
"""Older snapshots are not used for quotes (contract, section 7)."""
MAX_AHEAD_SECONDS = 5
"""The maximum clock difference between two machines."""


class RateSnapshot(msgspec.Struct, frozen=True):
    """USD mid prices by coin (`"BTC"`), in whole units of 10^-18 USD, as of unix seconds `at`."""

    at: float
    prices: Mapping[str, int]

    def is_stale(self, now: float) -> bool:
        """Return whether the snapshot is too old, or too far ahead, at unix time `now`."""
        return not -MAX_AHEAD_SECONDS <= now - self.at <= MAX_AGE_SECONDS

    def is_from_the_future(self, now: float) -> bool:
        """Return whether it is ahead of `now` by more than the maximum clock difference.

        Otherwise an older snapshot would count as fresh after a clock was set back.
        """
        return now - self.at < -MAX_AHEAD_SECONDS

    def price(self, coin: str) -> int:
        """Return the coin's price; raise RatesUnavailable without one."""
        price = self.prices.get(coin)
        if price is None:
            raise RatesUnavailable(f"no price for {coin}")
        return price
