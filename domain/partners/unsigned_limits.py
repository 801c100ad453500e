"""Limits of unsigned calls: which addresses count as one source, and what sliding windows admit."""

import math
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import msgspec

MINUTE: Final = 60
DAY: Final = 86_400
IPV6_BUDGETS: Final[Mapping[int, int]] = {64: 1, 56: 2, 48: 4}
"""The prefixes that an IPv6 address is counted by, each with a multiple of an address's limit.

A customer of a provider has a /64 at least, often a /56, and a site a /48 (RFC 6177): whoever has
one can call from each address in it.
"""
LEASES_PER_LIMIT: Final = 200
"""A worker holds at most this part of a limit in advance, so that ten workers waste 5 % of it."""


class Source(msgspec.Struct, frozen=True):
    """A network that calls count together for, and how many times a limit it may use."""

    name: str
    budget: int = 1


Sources = tuple[Source, ...]
"""The networks that a call comes from, from the narrowest to the widest."""


@lru_cache(maxsize=1 << 14)
def sources_of(address: str) -> Sources:
    """Return what a call from an address counts for: an IPv4 address, or three IPv6 networks.

    IPv4 addresses mapped into IPv6 (RFC 4291, 2.5.5.2) are IPv4 addresses. Text that is no address
    is a source of its own.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return (Source(address),)
    if not isinstance(parsed, IPv6Address):
        return (Source(address),)
    if parsed.ipv4_mapped is not None:
        return (Source(str(parsed.ipv4_mapped)),)
    plain = IPv6Address(int(parsed))  # without a zone
    return tuple(
        Source(str(ip_network((plain, prefix), strict=False)), budget)
        for prefix, budget in IPV6_BUDGETS.items()
    )


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """At most `limit` calls in any `seconds`, by the counters of `key`."""

    key: str
    limit: int
    seconds: int

    def window(self, time: float) -> tuple[int, float]:
        """Return the window that a time is in, and which part of it is still to come."""
        index, elapsed = divmod(time, self.seconds)
        return int(index), 1 - elapsed / self.seconds


class Bounds(msgspec.Struct, frozen=True):
    """What a call must observe: its sources' bounds, those of all, and those of returning sources.

    A source is returning if anything is counted in one of its own bounds.
    """

    own: tuple[Bound, ...]
    shared: tuple[Bound, ...] = ()
    returning: tuple[Bound, ...] = ()

    @property
    def every(self) -> tuple[Bound, ...]:
        """Return all bounds, in this order."""
        return self.own + self.shared + self.returning

    @property
    def lease(self) -> int:
        """Return how many calls a worker may be granted in advance."""
        return min((bound.limit for bound in self.every), default=0) // LEASES_PER_LIMIT


class Count(msgspec.Struct):
    """The calls that were counted in the current window of a bound and in the previous one."""

    window: int
    current: int = 0
    previous: int = 0

    def admits(self, bound: Bound, *, left: float) -> int:
        """Return how many more calls a bound admits; a sliding window, approximated.

        `left` is the part of the current window that is still to come.
        """
        return max(math.floor(bound.limit - self.previous * left - self.current), 0)

    def retry_after(self, bound: Bound, *, left: float) -> int:
        """Return after how many whole seconds one is admitted if none is made in between."""
        room, remaining = bound.limit - 1, bound.seconds * left
        if self.current > room:  # once enough of this window has left the next one
            wait = remaining + bound.seconds * (1 - room / self.current)
        elif self.previous:  # once enough of the previous window has left this one
            wait = remaining - bound.seconds * (room - self.current) / self.previous
        else:
            wait = 0.0
        return max(math.ceil(wait), 1)


class UnsignedLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one kind of unsigned call; 0 is no limit.

    `reserved_percent` of what all may do together is reserved for sources that were not seen in
    the last day or the day before, so that few addresses cannot use it up.
    """

    name: str
    per_minute: int
    per_day: int = 0
    all_per_minute: int = 0
    all_per_day: int = 0
    reserved_percent: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError unless the percentage is one."""
        if not 0 <= self.reserved_percent <= 100:
            raise ValueError("the reserved part of a limit is 0 to 100 percent")

    def bounds(self, sources: Sources) -> Bounds:
        """Return the bounds of a call; their counters share a hash tag, and so a cluster's slot."""
        is_shared = self.all_per_minute or self.all_per_day
        tag = f"{{ip:{self.name if is_shared else sources[-1].name}}}:{self.name}"
        own = tuple(
            Bound(key=f"{tag}:{one.name}", limit=limit * one.budget, seconds=seconds)
            for one in sources
            for limit, seconds in ((self.per_minute, MINUTE), (self.per_day, DAY))
            if limit
        )
        shared = tuple(
            Bound(key=f"{tag}:all", limit=limit, seconds=seconds)
            for limit, seconds in ((self.all_per_minute, MINUTE), (self.all_per_day, DAY))
            if limit
        )
        if not self.reserved_percent or not own:
            return Bounds(own, shared)
        returning = tuple(
            Bound(
                key=f"{tag}:returning",
                limit=one.limit * (100 - self.reserved_percent) // 100,
                seconds=one.seconds,
            )
            for one in shared
        )
        return Bounds(own, shared, returning)
