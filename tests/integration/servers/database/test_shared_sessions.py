"""Pools behind pgbouncer in transaction mode, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psqlpy.exceptions import Error

from persistence.postgres.migrate import MigrationFailed, apply_migrations
from persistence.postgres.pool import Database, DatabaseUnavailable
from persistence.postgres.sessions import (
    ANOTHER_LOGIN,
    DIRECT_IS_POOLED,
    DROPS_SETTINGS,
    NO_TRANSACTIONS,
    pooler_problem,
)
from tests.conftest import DatabaseUrls
from tests.support.servers.own.pgbouncer import SESSIONS, PgBouncer, pgbouncer
from tests.support.waiting import wait_until_async

SETTINGS = """
SELECT current_user::text AS role, current_setting('statement_timeout') AS timeout,
  current_setting('jit') AS jit, current_setting('transaction_read_only') AS read_only,
  pg_backend_pid() AS pid, $1::integer AS number
"""


@pytest.fixture
def pooler(database_urls: DatabaseUrls, tmp_path: Path) -> Iterator[PgBouncer]:
    with running_pooler(database_urls, tmp_path) as found:
        yield found


def running_pooler(urls: DatabaseUrls, tmp_path: Path, **settings: str) -> Any:
    logins = [urls.gateway, urls.settlement, urls.owner]
    return pgbouncer(tmp_path / "pgbouncer", logins, {}, **settings)


@asynccontextmanager
async def database(url: str, **options: Any) -> AsyncIterator[Database]:
    pool = Database(url, shared_sessions=True, **options)
    try:
        yield pool
    finally:
        pool.close()


async def test_each_transaction_has_the_settings_of_its_pool(
    database_urls: DatabaseUrls, pooler: PgBouncer
) -> None:
    url = pooler.url(database_urls.gateway)
    async with (
        database(url, size=8) as api,
        database(url, size=8, statement_timeout_ms=1234, session={"jit": "off"}) as searching,
        database(url, size=8, session={"default_transaction_read_only": "on"}) as reading,
    ):
        calls = [
            pool.fetch(SETTINGS, [number])
            for number in range(60)
            for pool in (api, searching, reading)
        ]
        rows = [row for (row,) in await asyncio.gather(*calls)]
    assert len({row.pop("pid") for row in rows}) <= SESSIONS
    assert [row["number"] for row in rows] == [number for number in range(60) for _ in range(3)]
    found = {tuple(row[name] for name in ("timeout", "jit", "read_only")) for row in rows}
    assert found == {("5s", "on", "off"), ("1234ms", "off", "off"), ("5s", "on", "on")}
    assert {row["role"] for row in rows} == {"swapgate_gateway"}
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for _ in range(10):
            left = connection.execute("SHOW statement_timeout").fetchone()
            assert left == ("0",), "no setting stays on the session"


async def test_a_pooler_that_does_not_keep_names_is_detected_at_any_time(
    database_urls: DatabaseUrls, pooler: PgBouncer
) -> None:
    async with database(pooler.url(database_urls.gateway), size=8) as pool:
        pool._keeps_names = True  # as after a pooler that does
        calls = [pool.fetch(SETTINGS, [number]) for number in range(60)]
        rows = [row for (row,) in await asyncio.gather(*calls)]
    assert [row["number"] for row in rows] == list(range(60))


async def test_errors_and_limits_are_those_of_a_direct_connection(
    database_urls: DatabaseUrls, pooler: PgBouncer
) -> None:
    url = pooler.url(database_urls.gateway)
    async with database(url, statement_timeout_ms=300) as pool:
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            await pool.fetch("SELECT pg_sleep(30)::text")
        with pytest.raises(Error, match="no_such_table"):
            await pool.fetch("SELECT * FROM no_such_table")
        with pytest.raises(Error, match="permission denied"):
            await pool.fetch("SELECT state FROM orders FOR UPDATE")
        for number in range(20):
            (row,) = await pool.fetch(SETTINGS, [number])
            assert row["timeout"] == "300ms"
    async with database(url, session={"default_transaction_read_only": "on"}) as pool:
        with pytest.raises(DatabaseUnavailable, match="in a read-only transaction"):
            await pool.fetch("UPDATE codes SET label = 'x' RETURNING id::text")


async def test_a_call_that_gets_no_response_leaves_no_transaction_behind(
    database_urls: DatabaseUrls, pooler: PgBouncer
) -> None:
    url = pooler.url(database_urls.owner)
    async with database(url, statement_timeout_ms=2_000) as pool:
        await pool.fetch("CREATE TABLE kept (number integer)")
        with psycopg.connect(database_urls.owner) as holder:
            holder.execute("LOCK TABLE kept")
            pool._response_seconds = 0.5  # it stops waiting before the server does
            with pytest.raises(DatabaseUnavailable, match="no response"):
                await pool.fetch("INSERT INTO kept VALUES (1) RETURNING number")
            pool._response_seconds = 60
            assert (await pool.fetch(SETTINGS, [7]))[0]["number"] == 7
    open_transactions = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%'"
    )
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        await wait_until_async(
            lambda: asyncio.to_thread(lambda: connection.execute(open_transactions).fetchone()),
            (0,).__eq__,
        )


async def test_a_pooler_that_is_not_declared_is_refused(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    for number, settings in enumerate(({}, {"ignore_startup_parameters": "options"})):
        with running_pooler(database_urls, tmp_path / str(number), **settings) as pooler:
            url = pooler.url(database_urls.gateway)
            assert await asyncio.to_thread(pooler_problem, url) == DROPS_SETTINGS
            assert await asyncio.to_thread(pooler_problem, url, url) == DIRECT_IS_POOLED
            pool = Database(url)
            with pytest.raises(DatabaseUnavailable, match=r"options|DIRECT_URL"):
                await pool.fetch("SELECT 1")
            pool.close()
            with pytest.raises(MigrationFailed, match="DIRECT_URL"):
                await asyncio.to_thread(apply_migrations, pooler.url(database_urls.owner))


async def test_urls_that_do_not_belong_together_are_refused(
    database_urls: DatabaseUrls, pooler: PgBouncer
) -> None:
    url = pooler.url(database_urls.gateway)
    assert await asyncio.to_thread(pooler_problem, url, database_urls.gateway) is None
    assert await asyncio.to_thread(pooler_problem, database_urls.gateway) is None
    other = await asyncio.to_thread(pooler_problem, url, database_urls.settlement)
    assert other == ANOTHER_LOGIN
    unavailable = "postgresql://nobody@127.0.0.1:1/swapgate"
    assert await asyncio.to_thread(pooler_problem, unavailable, database_urls.gateway) is None


async def test_a_pooler_without_transactions_is_refused(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    with running_pooler(database_urls, tmp_path, pool_mode="statement") as pooler:
        url = pooler.url(database_urls.gateway)
        problem = await asyncio.to_thread(pooler_problem, url, database_urls.gateway)
    assert problem == NO_TRANSACTIONS
