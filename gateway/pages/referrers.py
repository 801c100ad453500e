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
    """Referrers over the database, which asks it about a code once in 0.8 s."""

    def __init__(
        self,
        read: ReadReferrer,
        read_house: ReadDefaultPartner,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._read_house = read_house
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, Referrer | None]] = OrderedDict()
        self._house: tuple[float, Referrer] | None = None

    async def of(self, code: str, *, anew: bool = False) -> Referrer | None:
        """See Referrers."""
        kept = self._kept.get(code)
        if kept is not None and not anew and self._is_fresh(kept[0]):
            return kept[1]
        asked_at = self._monotonic()
        found = await self._read(code)
        self._kept[code] = asked_at, found
        self._kept.move_to_end(code)
        while len(self._kept) > MAX_CACHED:
            self._kept.popitem(last=False)
        return found

    async def house(self, *, anew: bool = False) -> Referrer:
        """See Referrers."""
        kept = self._house
        if kept is not None and not anew and self._is_fresh(kept[0]):
            return kept[1]
        asked_at = self._monotonic()
        house = await self._read_house()
        self._house = asked_at, house
        return house

    def _is_fresh(self, asked_at: float) -> bool:
        return self._monotonic() - asked_at < CACHE_SECONDS
