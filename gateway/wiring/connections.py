"""What every process of ours holds: connections, the market it follows, work in the background."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from valkey.exceptions import ValkeyError

from domain.assets import Catalogue
from domain.errors import Unavailable
from gateway.api.partner_cache import PartnerCache
from gateway.runtime.clock import SystemClock
from gateway.runtime.market import LiveMarket
from gateway.runtime.watchers import Sources, Watchers
from gateway.settings import Settings
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.reserves import read_headroom
from persistence.postgres.market.revisions import read_revisions
from persistence.postgres.partners.partners import changed_keys
from persistence.postgres.pool import Database
from persistence.postgres.rights import excess_rights, refusal
from persistence.valkey.client import connect
from persistence.valkey.notices import notices
from persistence.valkey.rates import decode_snapshot, read_snapshot

log = structlog.get_logger()


class Background:
    """Tasks that run until `stop`; one that ends by itself is a defect, and is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` in the background."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            log.error("background work ended", task=task.get_name(), exc_info=task.exception())


class Connections:
    """A process's own connections to PostgreSQL and Valkey, and what it follows through them."""

    def __init__(self, settings: Settings, *, rates_key: bytes | None = None) -> None:
        """Take what prices have to be signed with, where they do."""
        self._settings = settings
        self._rates_key = rates_key
        self.clock = SystemClock()
        self.database = Database(settings.database_url, size=settings.database_connections)
        self._watching = Database(settings.database_url, size=2)
        self.valkey = connect(settings.valkey_url)
        self.market = LiveMarket(sandbox=settings.sandbox)
        self.background = Background()

    def watchers(self, directory: PartnerCache | None) -> Watchers:
        """Return what keeps the market, and the directory if there is one, up to date.

        Who has a directory is a gateway: it takes no catalogue, and so no calls, while its
        database role could do what a gateway must not.
        """
        watching = self._watching

        async def read() -> Catalogue:
            catalogue = await read_catalogue(watching)
            if directory is not None:
                why = refusal(await excess_rights(watching), sandbox=self._settings.sandbox)
                if why is not None:
                    raise Unavailable(why)
            return catalogue

        return Watchers(
            Sources(
                read_revisions=lambda: read_revisions(watching),
                read_catalogue=read,
                read_headroom=lambda catalogue: read_headroom(watching, catalogue),
                changed_keys=lambda since: changed_keys(watching, since),
                read_snapshot=lambda: read_snapshot(self.valkey, key=self._rates_key),
                decode_snapshot=partial(decode_snapshot, key=self._rates_key),
                notices=lambda: notices(self.valkey),
            ),
            self.market,
            directory,
        )

    async def close(self) -> None:
        """End background work and close all connections."""
        await self.background.stop()
        self.database.close()
        self._watching.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()
