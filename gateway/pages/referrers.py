"""Whose codes visitors come by, kept for a moment: each quote on the swap page asks."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from domain.partners.referrals import Referrer

CACHE_SECONDS: Final = 0.8
MAX_CACHED: Final = 5_000

ReadReferrer = Callable[[str], Awaitable[Referrer | None]]
ReadDefaultPartner = Callable[[], Awaitable[Referrer]]


class CachedReferrers:
    """ReferrerRepository that reads each code from the database once in 0.8 s."""

    def __init__(
        self,
        read: ReadReferrer,
        read_default_partner: ReadDefaultPartner,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._read_default_partner = read_default_partner
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, Referrer | None]] = OrderedDict()
        self._default_partner: tuple[float, Referrer] | None = None

    async def of(self, code: str, *, fresh: bool = False) -> Referrer | None:
        """See ReferrerRepository."""
        kept = self._kept.get(code)
        if kept is not None and not fresh and self._is_fresh(kept[0]):
            return kept[1]
        read_at = self._monotonic()
        found = await self._read(code)
        self._kept[code] = read_at, found
        self._kept.move_to_end(code)
        while len(self._kept) > MAX_CACHED:
            self._kept.popitem(last=False)
        return found

    async def default_partner(self, *, fresh: bool = False) -> Referrer:
        """See ReferrerRepository."""
        kept = self._default_partner
        if kept is not None and not fresh and self._is_fresh(kept[0]):
            return kept[1]
        read_at = self._monotonic()
        default_partner = await self._read_default_partner()
        self._default_partner = read_at, default_partner
        return default_partner

    def _is_fresh(self, read_at: float) -> bool:
        return self._monotonic() - read_at < CACHE_SECONDS
