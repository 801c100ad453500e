"""Keeps what a process has cached in step with the world: rates, catalogue, partners."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from domain.assets import Catalogue
from domain.changes import Notice, Revisions
from domain.errors import Unavailable
from domain.market.limits import Headroom
from domain.market.rates import RateSnapshot
from feeds.loop import Backoff, run_forever, wait_for
from gateway.api.partner_cache import PartnerCache
from gateway.runtime.market import LiveMarket

POLL_INTERVAL_SECONDS: Final = 0.25
BACKOFF: Final = Backoff(min_seconds=0.1, max_seconds=0.5)
"""A change is seen within a second even when it is made while the database recovers."""
RATES_CHANNEL: Final = "rates"

log = structlog.get_logger()


class Sources(msgspec.Struct, frozen=True):
    """Where a process looks. All but `notices` and `decode` raise Unavailable."""

    read_revisions: Callable[[], Awaitable[Revisions]]
    read_catalogue: Callable[[], Awaitable[Catalogue]]
    read_headroom: Callable[[Catalogue], Awaitable[Headroom]]
    changed_keys: Callable[[int], Awaitable[tuple[Sequence[str], int]]]
    read_snapshot: Callable[[], Awaitable[RateSnapshot | None]]
    decode_snapshot: Callable[[bytes], RateSnapshot]
    notices: Callable[[], AsyncIterator[Notice]]


class Watchers:
    """Follows rates and changes for ever; a change is seen within a second, mostly at once.

    The database's revisions are the truth and are looked at four times a second; notices through
    Valkey only make the next look come at once.
    """

    def __init__(
        self, sources: Sources, market: LiveMarket, directory: PartnerCache | None
    ) -> None:
        self._sources = sources
        self._market = market
        self._directory = directory
        self._woken = asyncio.Event()
        self._catalogue_revision = -1
        self._partner_revision = -1

    async def look(self) -> None:
        """Read whatever has changed since the last look; raise Unavailable."""
        revisions = await self._sources.read_revisions()
        if revisions.catalogue != self._catalogue_revision:
            self._market.adopt_catalogue(await self._sources.read_catalogue())
            self._catalogue_revision = revisions.catalogue
        if self._directory is None:
            return
        self._market.adopt_headroom(await self._sources.read_headroom(self._market.catalogue))
        if revisions.partners > self._partner_revision:
            keys, newest = await self._sources.changed_keys(self._partner_revision)
            self._directory.changed(keys)
            self._partner_revision = max(newest, revisions.partners)
        self._directory.verified()

    async def follow_changes(self) -> None:
        """Look again and again."""

        async def step() -> None:
            self._woken.clear()
            await self.look()
            await wait_for(self._woken, POLL_INTERVAL_SECONDS)

        await run_forever(step, name="changes", backoff=BACKOFF)

    async def follow_notices(self) -> None:
        """Take rates as they are published, and wake `follow_changes`."""
        async for notice in self._sources.notices():
            if notice.channel == RATES_CHANNEL:
                self._adopt(notice.data)
            elif notice.channel:
                self._woken.set()
            else:
                await self.catch_up()

    async def catch_up(self) -> None:
        """Read the newest snapshot: after connecting, one may have been missed."""
        try:
            snapshot = await self._sources.read_snapshot()
        except Unavailable as error:
            log.warning("rates can't be read", why=str(error))
            return
        if snapshot is not None:
            self._market.adopt_snapshot(snapshot)

    def _adopt(self, stored: bytes) -> None:
        try:
            self._market.adopt_snapshot(self._sources.decode_snapshot(stored))
        except Unavailable as error:
            log.warning("bad rate snapshot", why=str(error))
