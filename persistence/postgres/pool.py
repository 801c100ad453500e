"""A pool of connections that runs single statements, bounded in time and safe to cancel."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import psqlpy
from psqlpy.exceptions import DataError, Error

from domain.errors import Unavailable
from domain.measurements import Durations
from persistence.postgres.hosts import hosts_of, with_hosts
from persistence.postgres.primary import SILENT_SECONDS, find_primary
from persistence.postgres.sessions import (
    DROPS_SETTINGS,
    READ_ONLY,
    STATEMENT_TIMEOUT,
    begin_statement,
    with_settings,
    without_settings,
)
from persistence.postgres.transport import transport_of

STATEMENT_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_SECONDS: Final = 2
"""Of each host of the URL."""
UNACKNOWLEDGED_SECONDS: Final = 5
IDLE_SECONDS: Final = 5
PROBE_SECONDS: Final = 2
PROBES: Final = 2
"""When a server that has lost its power or its network counts as gone: unless it acknowledges what
was sent, or these probes of a connection that waits."""
WAIT_FOR_CONNECTION_SECONDS: Final = 0.9
TRIES: Final = 10
"""Attempts of a statement that the server rolls back because of concurrent transactions."""
PAUSE_SECONDS: Final = 0.005

_ROLLED_BACK: Final = ("could not serialize access", "deadlock detected")
"""Messages of SQLSTATE 40001 and 40P01, since psqlpy does not expose the SQLSTATE."""

_UNKNOWN_NAME: Final = ('prepared statement "', "does not exist")

_OF_A_STATEMENT: Final = "db error: ERROR:"
"""What a server says about a statement, while the connection continues."""
_ONLY_READS: Final = (
    "in a read-only transaction",
    "during recovery",
    "recovery is in progress",
)
"""What a server says that is, or has become, a standby."""

Row = dict[str, Any]


class DatabaseUnavailable(Unavailable):
    """PostgreSQL is unreachable, starting or stopping, or timed out."""


class _RolledBack(Exception):
    """The server has rolled the statement back: it can be repeated."""


class Database:
    """Runs statements, each in a transaction of its own.

    No transaction stays open between two awaits, because psqlpy may return a canceled connection to
    its pool without a rollback. So everything atomic is a single statement.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 4,
        application: str = "swapgate",
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        response_seconds: float | None = None,
        session: Mapping[str, str] = MappingProxyType({}),
        shared_sessions: bool = False,
    ) -> None:
        """Connect lazily, with at least two connections, as the driver's pool requires.

        `session` has further settings of each connection. A response may take `response_seconds`,
        by default a second longer than the statement. With `shared_sessions`, the URL leads to a
        pooler that assigns sessions to transactions: settings are made in each transaction; so are
        those of a session that only reads with several hosts, where a connection has to accept
        writes when it begins. Raises UnusableUrl.
        """
        self._session = {**session, "statement_timeout": str(statement_timeout_ms)}
        self._reads_only = READ_ONLY in session
        self._hosts = hosts_of(url)
        several = len(self._hosts) > 1
        per_transaction = shared_sessions or (several and self._reads_only)
        self._response_seconds = response_seconds or statement_timeout_ms / 1000 + 1
        self._begin = begin_statement(url, self._session) if per_transaction else None
        self._has_settings = per_transaction
        self._keeps_names = not shared_sessions
        self._size = max(size, 2)
        self._application = application
        url = without_settings(url) if per_transaction else with_settings(url, self._session)
        self._transport = transport_of(url)
        self._pool = self._new_pool()
        self._found: str | None = None
        """The host that all connections lead to, by a search; None once one has failed."""
        self._deadlines: set[asyncio.Timeout] = set()
        self._search: asyncio.Task[None] | None = None
        self._free = asyncio.Semaphore(self._size)
        self.waits = Durations()
        """How long statements waited for a free connection."""

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        A statement rolled back because of concurrent transactions is repeated. Raises
        DatabaseUnavailable without a server, a free connection within a second or a response within
        five; psqlpy's error for an invalid statement. Canceling the caller does not cancel the
        statement: the server completes it, and its connection is released only then.
        """
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(WAIT_FOR_CONNECTION_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("all connections are busy") from None
        finally:
            self.waits.record(asyncio.get_running_loop().time() - started)
        running = asyncio.ensure_future(self._run(sql, parameters))
        running.add_done_callback(self._release)
        return await asyncio.shield(running)

    async def fetch_one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run one statement and return its first row, if any."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close all connections."""
        if self._search is not None:
            self._search.cancel()
        self._pool.close()

    def _release(self, running: "asyncio.Future[list[Row]]") -> None:
        self._free.release()
        if not running.cancelled():
            running.exception()  # retrieved, in case the caller was canceled

    async def _run(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        deadline = asyncio.timeout(self._response_seconds)
        silent = self._when_silent()
        try:
            async with deadline:
                self._deadlines.add(deadline)
                for attempt in range(1, TRIES):
                    try:
                        return await self._once(sql, parameters)
                    except _RolledBack:
                        await asyncio.sleep(PAUSE_SECONDS * attempt)
                return await self._once(sql, parameters)
        except TimeoutError:
            raise DatabaseUnavailable("no response in time") from None
        except _RolledBack as error:
            raise DatabaseUnavailable(str(error)) from error
        finally:
            self._deadlines.discard(deadline)
            if silent is not None:
                silent.cancel()

    def _when_silent(self) -> asyncio.TimerHandle | None:
        """Have the primary searched for, unless the timer is cancelled; None for one host."""
        if len(self._hosts) < 2:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(SILENT_SECONDS, self._search_for_primary)

    def _search_for_primary(self) -> None:
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._follow_primary())

    async def _follow_primary(self) -> None:
        """Leave a server that does not respond for another primary, if there is one.

        What waits for the server fails: its outcome is unknown.
        """
        primary = await find_primary(self._hosts, lambda host: self._new_pool([host]))
        if primary in (None, self._found):
            return
        self._found = primary
        self._hosts.sort(key=lambda host: host != primary)
        self._discard(self._pool)
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(0)

    async def _once(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        pool = self._pool
        try:
            async with pool.acquire() as connection:
                if self._begin is not None:
                    return await self._in_transaction(pool, connection, sql, parameters)
                if not self._has_settings:
                    await self._check_settings(connection)
                result = await connection.execute(sql, list(parameters))
                return result.result()
        except Error as error:
            if any(text in str(error) for text in _ROLLED_BACK):
                raise _RolledBack(str(error)) from error
            if not self._reads_only and any(text in str(error) for text in _ONLY_READS):
                self._discard(pool)
            if _is_invalid_statement(error):
                raise
            if _OF_A_STATEMENT not in str(error):
                self._found = None
            raise DatabaseUnavailable(str(error)) from error

    async def _in_transaction(
        self,
        pool: psqlpy.ConnectionPool,
        connection: psqlpy.Connection,
        sql: str,
        parameters: Sequence[Any],
    ) -> list[Row]:
        """Run a statement with the settings of this pool, on whichever session it gets.

        The driver prepares it by name to learn the types of its parameters, and deallocates that at
        once: in a transaction both reach the same session. A pooler that keeps named statements
        itself (pgbouncer since 1.21, if max_prepared_statements is set) knows the name, and the
        server does not: then nothing is deallocated. Which one it is shows at the first statement.
        """
        ended, named = False, self._keeps_names
        try:
            await connection.execute_batch(str(self._begin))
            try:
                result = await connection.execute(sql, list(parameters), prepared=named)
                await connection.execute_batch("COMMIT")
            except Error as error:
                await connection.execute_batch("ROLLBACK")
                ended = True
                if all(text in str(error) for text in _UNKNOWN_NAME):
                    self._keeps_names = not named
                    raise _RolledBack(str(error)) from error
                raise
            ended = True
            return result.result()
        finally:
            if not ended:  # the connection may be in a transaction: no other call may get it
                self._discard(pool)

    async def _check_settings(self, connection: psqlpy.Connection) -> None:
        """Raise DatabaseUnavailable if a pooler has dropped the settings of the session."""
        (row,) = (await connection.execute(STATEMENT_TIMEOUT)).result()
        if row["setting"] != self._session["statement_timeout"]:
            raise DatabaseUnavailable(DROPS_SETTINGS)
        self._has_settings = True

    def _discard(self, pool: psqlpy.ConnectionPool) -> None:
        """Replace a pool, so that no call gets one of its connections."""
        if pool is self._pool:
            pool.close()
            self._pool = self._new_pool()

    def _new_pool(self, hosts: Sequence[str] = ()) -> psqlpy.ConnectionPool:
        """Return a pool of the first of these hosts, by default of all, that accepts writes."""
        url = self._transport.url
        return psqlpy.ConnectionPool(
            dsn=with_hosts(url, hosts or self._hosts) if self._hosts else url,
            ssl_mode=self._transport.ssl_mode,
            ca_file=self._transport.ca_file,
            max_db_pool_size=self._size,
            application_name=self._application,
            connect_timeout_sec=CONNECT_TIMEOUT_SECONDS,
            tcp_user_timeout_sec=UNACKNOWLEDGED_SECONDS,
            keepalives_idle_sec=IDLE_SECONDS,
            keepalives_interval_sec=PROBE_SECONDS,
            keepalives_retries=PROBES,
        )


def _is_invalid_statement(error: Error) -> bool:
    """Distinguish an invalid statement from an unavailable server, without SQLSTATE."""
    message = str(error)
    transient = (
        "statement timeout",
        "the database system is",
        "remaining connection slots",
        *_ONLY_READS,
        "conflict with recovery",  # a standby had to go on with what a statement was reading
        "query_wait_timeout",  # of a pooler whose sessions are all busy
        "pgbouncer",
    )
    rejected = _OF_A_STATEMENT in message and not any(part in message for part in transient)
    return rejected or isinstance(error, DataError)
