"""A short-lived cache of referral codes, because each quote on the swap page reads one."""

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
    """A ReferrerRepository that reads each code from the database at most once in 0.8 s."""

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
        self._cached: OrderedDict[str, tuple[float, Referrer | None]] = OrderedDict()
        self._default_partner: tuple[float, Referrer] | None = None

    async def of(self, code: str, *, fresh: bool = False) -> Referrer | None:
        """See ReferrerRepository."""
        cached = self._cached.get(code)
        if cached is not None and not fresh and self._is_fresh(cached[0]):
            return cached[1]
        read_at = self._monotonic()
        referrer = await self._read(code)
        self._cached[code] = read_at, referrer
        self._cached.move_to_end(code)
        while len(self._cached) > MAX_CACHED:
            self._cached.popitem(last=False)
        return referrer

    async def default_partner(self, *, fresh: bool = False) -> Referrer:
        """See ReferrerRepository."""
        cached = self._default_partner
        if cached is not None and not fresh and self._is_fresh(cached[0]):
            return cached[1]
        read_at = self._monotonic()
        default_partner = await self._read_default_partner()
        self._default_partner = read_at, default_partner
        return default_partner

    def _is_fresh(self, read_at: float) -> bool:
        return self._monotonic() - read_at < CACHE_SECONDS
