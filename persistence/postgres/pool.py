"""A pool of connections that runs single statements, bounded in time and safe to cancel."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psqlpy
from psqlpy.exceptions import DataError, Error

from domain.errors import Unavailable

STATEMENT_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_SECONDS: Final = 3
WAIT_FOR_CONNECTION_SECONDS: Final = 0.9
TRIES: Final = 10
"""How often a statement is sent that the server undoes for the sake of others at the same time."""
PAUSE_SECONDS: Final = 0.005

_UNDONE: Final = ("could not serialize access", "deadlock detected")
"""What the server says of these (SQLSTATE 40001 and 40P01, which psqlpy doesn't hand on)."""

Row = dict[str, Any]


class DatabaseUnavailable(Unavailable):
    """PostgreSQL can't be reached, is starting or stopping, or took too long."""


class _Undone(Exception):
    """The server has undone the statement as if it had never been sent: it may be sent again."""


class Database:
    """Runs statements, each a transaction of its own.

    Nothing here holds a transaction open between two awaits: psqlpy may put a cancelled connection
    back into its pool as it is, so whatever must be atomic is one statement.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 4,
        application: str = "swapgate",
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        session: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Connect lazily; at least two connections, as the driver's pool asks.

        `session` holds further settings of each connection.
        """
        self._statement_seconds = statement_timeout_ms / 1000
        self._pool = psqlpy.ConnectionPool(
            dsn=_with_settings(url, {**session, "statement_timeout": str(statement_timeout_ms)}),
            max_db_pool_size=max(size, 2),
            application_name=application,
            connect_timeout_sec=CONNECT_TIMEOUT_SECONDS,
        )
        self._free = asyncio.Semaphore(max(size, 2))

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        One that the server undoes because of others at the same time is sent again. Raises
        DatabaseUnavailable where there is no server, no free connection within a second or
        no answer within five; psqlpy's own error for a statement that is wrong. Cancelling the
        caller doesn't cancel the statement: the server goes on anyway, and so its connection is
        only given back when it is done.
        """
        try:
            async with asyncio.timeout(WAIT_FOR_CONNECTION_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("all connections are busy") from None
        running = asyncio.ensure_future(self._run(sql, parameters))
        running.add_done_callback(self._release)
        return await asyncio.shield(running)

    async def fetch_one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run one statement and return its first row, if any."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _release(self, running: "asyncio.Future[list[Row]]") -> None:
        self._free.release()
        if not running.cancelled():
            running.exception()  # taken note of, should the caller be gone

    async def _run(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            async with asyncio.timeout(self._statement_seconds + 1):
                for tried in range(1, TRIES):
                    try:
                        return await self._once(sql, parameters)
                    except _Undone:
                        await asyncio.sleep(PAUSE_SECONDS * tried)
                return await self._once(sql, parameters)
        except TimeoutError:
            raise DatabaseUnavailable("no answer in time") from None
        except _Undone as error:
            raise DatabaseUnavailable(str(error)) from error

    async def _once(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            async with self._pool.acquire() as connection:
                result = await connection.execute(sql, list(parameters))
                return result.result()
        except Error as error:
            if any(said in str(error) for said in _UNDONE):
                raise _Undone(str(error)) from error
            if _is_our_fault(error):
                raise
            raise DatabaseUnavailable(str(error)) from error


def _with_settings(url: str, settings: Mapping[str, str]) -> str:
    """Return a database URL whose sessions have these settings."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    options = [query["options"]] if "options" in query else []
    options += [f"-c {name}={value}" for name, value in settings.items()]
    query["options"] = " ".join(options)
    return parts._replace(query=urlencode(query, quote_via=quote, safe="")).geturl()


def _is_our_fault(error: Error) -> bool:
    """Tell a wrong statement from a server that can't serve: psqlpy carries no SQLSTATE."""
    message = str(error)
    passing = (
        "statement timeout",
        "the database system is",
        "remaining connection slots",
        "in a read-only transaction",  # a primary that has just become a replica
    )
    refused = "db error: ERROR:" in message and not any(part in message for part in passing)
    return refused or isinstance(error, DataError)
