"""How fast the pool of a network's pay-in addresses is used, and when that needs somebody."""

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.chains.pay_in import IMPORTED

MIN_DAYS_LEFT: Final = 7
"""An imported pool that lasts for fewer days needs more addresses."""
MANY_PER_DAY: Final = 1_000
MIN_FUNDED_PERCENT: Final = 1
"""With many orders a day, a smaller part that receives a deposit means that nobody meant to pay."""


class PoolUse(msgspec.Struct, frozen=True):
    """The pool of a network, and what became of the addresses of the last day's orders.

    `used` is how many orders got an address, `funded` how many of those have seen a deposit.
    """

    network: str
    kind: str
    free: int
    used: int
    funded: int
    reuse: bool = False
    """Whether the operator allows to reuse addresses of orders that were never paid."""

    @property
    def days_left(self) -> float:
        """Return how long the pool lasts at the rate of the last day; derived ones do not end."""
        if self.kind != IMPORTED or not self.used:
            return float("inf")
        return self.free / self.used

    @property
    def is_ending(self) -> bool:
        """Return whether more addresses have to be imported soon."""
        return self.days_left < MIN_DAYS_LEFT

    @property
    def is_unfunded(self) -> bool:
        """Return whether its orders look like spam."""
        return self.used >= MANY_PER_DAY and 100 * self.funded < MIN_FUNDED_PERCENT * self.used


def ending_pools(pools: Iterable[PoolUse]) -> list[str]:
    """Return the pools that need more addresses, each with its rate and what is left."""
    return [
        f"{one.network} ({one.used} addresses per day, {one.days_left:.1f} days left)"
        for one in pools
        if one.is_ending
    ]


def unfunded_pools(pools: Iterable[PoolUse]) -> list[str]:
    """Return the pools whose orders look like spam, each with its figures."""
    return [
        f"{one.network} ({one.used} addresses in the last day, {one.funded} with a deposit)"
        for one in pools
        if one.is_unfunded
    ]


def reusing_pools(pools: Iterable[PoolUse]) -> list[str]:
    """Return the networks that may reuse addresses."""
    return [one.network for one in pools if one.reuse]
