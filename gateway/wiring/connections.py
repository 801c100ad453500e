"""The connections, the market and the background tasks that every process has."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
from valkey.exceptions import ValkeyError

from domain.assets import Catalogue
from domain.errors import Unavailable
from gateway.runtime.clock import SystemClock
from gateway.runtime.market import LiveMarket
from gateway.runtime.watchers import CachedPartners, Sources, Watchers
from gateway.settings import Settings
from persistence.postgres.commits import STATEMENT_TIMEOUT_MS, Commits
from persistence.postgres.health import missing_migrations
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.reserves import read_headroom
from persistence.postgres.market.revisions import read_revisions
from persistence.postgres.partners.partners import changed_keys
from persistence.postgres.pool import Database
from persistence.postgres.rights.roles import GATEWAY
from persistence.postgres.rights.rule import excess_rights, rejection_reason
from persistence.valkey.admission.revisions import publish_revision
from persistence.valkey.connection.client import connect
from persistence.valkey.notices import notices
from persistence.valkey.rates import read_snapshot

CANCEL_AGAIN_SECONDS: Final = 0.5
COMMITTING_CONNECTIONS: Final = 4
MAX_LATE_SECONDS: Final = 30.0
"""When a late commit counts as lost with its connection, and another statement is tried."""

log = structlog.get_logger()


class Background:
    """Tasks that run until `stop`. A task that ends by itself is logged as an error."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` as a task."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # Valkey's client loses a cancellation that arrives while it connects.
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            log.error("background task ended", task=task.get_name(), exc_info=task.exception())


class Connections:
    """A process's connections to PostgreSQL and Valkey, and the market it follows through them."""

    def __init__(self, settings: Settings, *, rates_key: bytes | None = None) -> None:
        """`rates_key` verifies the signature of rate snapshots; a gateway has none."""
        self._settings = settings
        self._rates_key = rates_key
        self.clock = SystemClock()
        url, shared = settings.database_url, bool(settings.database_direct_url)
        size = settings.database_connections
        self.database = Database(url, size=size, shared_sessions=shared)
        self.watching = Database(url, size=2, shared_sessions=shared)
        """For the watchers and for checks, which must not wait for calls."""
        self.commits = Commits(
            Database(
                url,
                size=COMMITTING_CONNECTIONS,
                statement_timeout_ms=STATEMENT_TIMEOUT_MS,
                response_seconds=MAX_LATE_SECONDS,
                shared_sessions=shared,
            )
        )
        """For orders and for the times of last use: these commits may wait for a standby."""
        self.valkey = connect(settings.valkey_url)
        self.has_all_migrations = False
        """All migrations of this version were applied when a gateway first read the catalogue."""
        self.market = LiveMarket(sandbox=settings.sandbox)
        self.background = Background()

    def watchers(self, partners: CachedPartners | None) -> Watchers:
        """Return the watchers that keep the market and, in a gateway, its `partners` current.

        A gateway adopts no catalogue, and so accepts no calls, before all migrations of its version
        are applied, and while a role or function of the database has excess rights.
        """
        watching = self.watching

        async def read() -> Catalogue:
            if partners is not None and not self.has_all_migrations:
                missing = await missing_migrations(watching)
                if missing:
                    raise Unavailable(f"migrations are missing, from {missing[0]} on")
                self.has_all_migrations = True
            catalogue = await read_catalogue(watching)
            if partners is not None:
                problem = rejection_reason(
                    await excess_rights(watching, process_role=GATEWAY),
                    process_role=GATEWAY,
                    sandbox=self._settings.sandbox,
                )
                if problem is not None:
                    raise Unavailable(problem)
            return catalogue

        return Watchers(
            Sources(
                read_revisions=lambda: read_revisions(watching),
                read_catalogue=read,
                read_headroom=lambda catalogue: read_headroom(watching, catalogue),
                changed_keys=lambda since: changed_keys(watching, since),
                publish_revision=lambda revision: publish_revision(self.valkey, None, revision),
                read_snapshot=lambda: read_snapshot(self.valkey, key=self._rates_key),
                notices=lambda: notices(self.valkey),
            ),
            self.market,
            partners,
        )

    async def close(self) -> None:
        """Stop the background tasks and close all connections."""
        await self.background.stop()
        self.database.close()
        self.watching.close()
        self.commits.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()
