"""Keeps the caches of a process current: rates, catalogue, partners."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from domain.assets import Catalogue
from domain.changes import CONNECTED, Notice, Revisions
from domain.errors import Unavailable
from domain.market.limits import Headroom
from domain.market.rates import RateSnapshot
from feeds.loop import Backoff, run_forever, wait_for
from gateway.runtime.market import LiveMarket

POLL_INTERVAL_SECONDS: Final = 0.25
BACKOFF: Final = Backoff(min_seconds=0.1, max_seconds=0.5)
"""A change is seen within a second even when it is made while the database recovers."""
RATES_CHANNEL: Final = "rates"

log = structlog.get_logger()


class Sources(msgspec.Struct, frozen=True):
    """Reads the current data. All but `notices` raise Unavailable."""

    read_revisions: Callable[[], Awaitable[Revisions]]
    read_catalogue: Callable[[], Awaitable[Catalogue]]
    read_headroom: Callable[[Catalogue], Awaitable[Headroom]]
    changed_keys: Callable[[int], Awaitable[tuple[Sequence[str], int]]]
    publish_revision: Callable[[int], Awaitable[None]]
    read_snapshot: Callable[[], Awaitable[RateSnapshot | None]]
    notices: Callable[[], AsyncIterator[Notice]]


class CachedPartners(Protocol):
    """The part of a cache of partners that depends on changes in the database."""

    seen_revision: int

    def invalidate(self, api_keys: Iterable[str]) -> None:
        """Drop the records of these keys, and add the keys that are new."""

    def mark_verified(self, revision: int) -> None:
        """Record that all changes up to now, and to `revision`, were passed to `invalidate`."""


class Watchers:
    """Follow rates and changes; a change is seen within a second, usually at once.

    The revisions in the database are authoritative and polled four times a second. A notice through
    Valkey only makes the next poll happen at once.
    """

    def __init__(
        self,
        sources: Sources,
        market: LiveMarket,
        partners: CachedPartners | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._market = market
        self._partners = partners
        self._notified = asyncio.Event()
        self._monotonic = monotonic
        self._catalogue_revision = -1
        self._catalogue_ends = math.inf
        self._partner_revision = -1
        self._requested_revision = -1
        self._catching_up = asyncio.Lock()

    async def poll(self) -> None:
        """Read everything that has changed since the previous poll; raise Unavailable."""
        revisions = await self._sources.read_revisions()
        now = self._monotonic()
        if revisions.catalogue != self._catalogue_revision or now >= self._catalogue_ends:
            catalogue = await self._sources.read_catalogue()
            self._market.adopt_catalogue(catalogue)
            self._catalogue_revision = revisions.catalogue
            valid = catalogue.valid_seconds
            self._catalogue_ends = math.inf if valid is None else now + valid
        if self._partners is None:
            return
        self._market.adopt_headroom(await self._sources.read_headroom(self._market.catalogue))
        await self._invalidate_partners(self._partners, revisions.partners)

    async def catch_up_partners(self, revision: int) -> None:
        """Invalidate the partners changed up to `revision` at least; raise Unavailable.

        A call that finds it done by another does nothing. A negative revision stands for an unknown
        one: all changes up to now are read, and their revision is published again.
        """
        async with self._catching_up:
            if self._partners is None or 0 <= revision <= self._partners.seen_revision:
                return
            self._requested_revision = max(revision, self._requested_revision)
            revisions = await self._sources.read_revisions()
            await self._invalidate_partners(self._partners, revisions.partners)
            if revision < 0:
                await self._sources.publish_revision(revisions.partners)

    async def _invalidate_partners(self, partners: CachedPartners, revision: int) -> None:
        if revision > self._partner_revision:
            keys, newest = await self._sources.changed_keys(self._partner_revision)
            partners.invalidate(keys)
            self._partner_revision = max(newest, revision, self._partner_revision)
        # A requested revision may be newer than the database, if that was restored.
        partners.mark_verified(max(self._partner_revision, self._requested_revision))

    async def follow_changes(self) -> None:
        """Poll forever, at intervals and after every notice."""

        async def step() -> None:
            self._notified.clear()
            await self.poll()
            await wait_for(self._notified, POLL_INTERVAL_SECONDS)

        await run_forever(step, name="changes", backoff=BACKOFF)

    async def follow_notices(self) -> None:
        """Read rates when they are published, and notify `follow_changes` of anything else."""
        async for notice in self._sources.notices():
            if notice.channel in (RATES_CHANNEL, CONNECTED):
                await self.read_rates()
            else:
                self._notified.set()

    async def read_rates(self) -> None:
        """Read the newest snapshot; once connected, because one may have been published before."""
        try:
            snapshot = await self._sources.read_snapshot()
        except Unavailable as error:
            log.warning("rates unavailable", reason=str(error))
            return
        if snapshot is not None:
            self._market.adopt_snapshot(snapshot)
