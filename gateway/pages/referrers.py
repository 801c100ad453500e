"""A short-lived cache of referral codes, because each quote on the swap page reads one."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import msgspec

from domain.errors import Unavailable
from domain.partners.referrals import Referrer

CACHE_SECONDS: Final = 0.8
MAX_CACHED: Final = 5_000
_UNKNOWN: Final = -1

ReadReferrer = Callable[[str], Awaitable[Referrer | None]]
ReadDefaultPartner = Callable[[], Awaitable[Referrer]]
NewestRevision = Callable[[], Awaitable[int]]
"""Returns the newest revision of any partner, negative if unknown; raises Unavailable."""

T = TypeVar("T")


class _Entry(msgspec.Struct, Generic[T], frozen=True):
    """What was read, when, and the newest revision before that."""

    read_at: float
    revision: int
    value: T


class CachedReferrers:
    """A ReferrerRepository that reads each code at most once in 0.8 s while no partner changes.

    Where the newest revision is unknown, each lookup reads the database.
    """

    def __init__(
        self,
        read: ReadReferrer,
        read_default_partner: ReadDefaultPartner,
        newest_revision: NewestRevision,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._read_default_partner = read_default_partner
        self._newest_revision = newest_revision
        self._monotonic = monotonic
        self._cached: OrderedDict[str, _Entry[Referrer | None]] = OrderedDict()
        self._default_partner: _Entry[Referrer] | None = None

    async def of(self, code: str, *, fresh: bool = False) -> Referrer | None:
        """See ReferrerRepository."""
        newest = _UNKNOWN if fresh else await self._newest()
        cached = self._cached.get(code)
        if cached is not None and self._is_current(cached, newest):
            return cached.value
        read_at = self._monotonic()
        referrer = await self._read(code)
        self._cached[code] = _Entry(read_at, newest, referrer)
        self._cached.move_to_end(code)
        while len(self._cached) > MAX_CACHED:
            self._cached.popitem(last=False)
        return referrer

    async def default_partner(self, *, fresh: bool = False) -> Referrer:
        """See ReferrerRepository."""
        newest = _UNKNOWN if fresh else await self._newest()
        cached = self._default_partner
        if cached is not None and self._is_current(cached, newest):
            return cached.value
        read_at = self._monotonic()
        default_partner = await self._read_default_partner()
        self._default_partner = _Entry(read_at, newest, default_partner)
        return default_partner

    async def _newest(self) -> int:
        try:
            return await self._newest_revision()
        except Unavailable:
            return _UNKNOWN

    def _is_current(self, entry: _Entry[T], newest: int) -> bool:
        recent = self._monotonic() - entry.read_at < CACHE_SECONDS
        return recent and entry.revision == newest != _UNKNOWN
