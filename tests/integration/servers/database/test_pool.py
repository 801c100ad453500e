"""The connection pool on a real PostgreSQL: bounded in time, and safe to cancel."""

import asyncio

import psycopg
import pytest
from psqlpy.exceptions import Error

from domain.errors import Unavailable
from persistence.postgres.pool import WAIT_FOR_CONNECTION_SECONDS, DatabaseUnavailable
from tests.conftest import DatabaseUrls
from tests.support.databases import database
from tests.support.waiting import wait_until, wait_until_async


@pytest.fixture
def patient_pools() -> None:
    """These tests are about the bound: it applies."""


def count(url: str, statement: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        (number,) = connection.execute(statement.encode()).fetchone() or (0,)
    return int(number)


async def waiting_for_a_lock(url: str, number: int) -> None:
    """Wait until this many statements have begun and are waiting for a lock."""
    locked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    await wait_until_async(lambda: count(url, locked), number.__eq__)


async def test_a_statement_over_its_time_limit_is_ended_by_the_server(
    database_urls: DatabaseUrls,
) -> None:
    async with database(database_urls.gateway, statement_timeout_ms=200) as pool:
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            await pool.fetch("SELECT pg_sleep(30)")
        assert await pool.fetch("SELECT 1 AS one") == [{"one": 1}]
    asleep = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE '%pg_sleep(30)%'"
        " AND state = 'active' AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: count(database_urls.owner, asleep), (0).__eq__, seconds=15)


async def test_settings_of_the_url_are_kept_with_the_timeout_added(
    database_urls: DatabaseUrls,
) -> None:
    url = f"{database_urls.superuser}&options=-c%20role%3Dswapgate_gateway"
    async with database(url, statement_timeout_ms=1234) as pool:
        (row,) = await pool.fetch(
            "SELECT current_user::text AS role, current_setting('statement_timeout') AS timeout"
        )
    assert row == {"role": "swapgate_gateway", "timeout": "1234ms"}


async def test_a_caller_waits_at_most_one_second_for_a_connection(
    database_urls: DatabaseUrls,
) -> None:
    loop, lock = asyncio.get_running_loop(), "SELECT 1 AS one FROM pg_advisory_lock_shared(7)"
    async with database(database_urls.gateway, size=2, statement_timeout_ms=60_000) as pool:
        with psycopg.connect(database_urls.owner) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(7)")
            busy = [asyncio.ensure_future(pool.fetch(lock)) for _ in range(2)]
            await waiting_for_a_lock(database_urls.owner, 2)
            began = loop.time()
            with pytest.raises(DatabaseUnavailable, match="busy"):
                await pool.fetch("SELECT 1")
            took = loop.time() - began
        assert WAIT_FOR_CONNECTION_SECONDS - 0.01 < took < 10
        await asyncio.gather(*busy)
        assert await pool.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_the_connection_of_a_cancelled_caller_is_kept_until_the_statement_ends(
    database_urls: DatabaseUrls,
) -> None:
    async with database(database_urls.owner, size=2) as pool:
        await pool.fetch("CREATE TABLE kept (number integer)")
        with psycopg.connect(database_urls.owner) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(7)")
            call = asyncio.ensure_future(
                pool.fetch(
                    "INSERT INTO kept SELECT 1 FROM pg_advisory_xact_lock(7) RETURNING number"
                )
            )
            await waiting_for_a_lock(database_urls.owner, 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            results = await asyncio.gather(
                *(pool.fetch(f"SELECT {number} AS n") for number in range(50))
            )
        assert [rows[0]["n"] for rows in results] == list(range(50))
        await wait_until_async(
            lambda: pool.fetch("SELECT number FROM kept"), [{"number": 1}].__eq__
        )
        stuck = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
        await wait_until_async(lambda: count(database_urls.owner, stuck), (0).__eq__)


async def test_an_invalid_statement_is_an_internal_error_and_not_an_outage(
    database_urls: DatabaseUrls,
) -> None:
    async with database(database_urls.gateway) as pool:
        with pytest.raises(Error, match="no_such_table"):
            await pool.fetch("SELECT * FROM no_such_table")
        with pytest.raises(Error, match="void"):
            await pool.fetch("SELECT pg_sleep(0)")


async def test_without_a_server_the_database_is_unavailable() -> None:
    async with database("postgresql://u@/nowhere?host=%2Fnowhere&port=5432") as pool:
        with pytest.raises(Unavailable):
            await pool.fetch("SELECT 1")


async def test_38_digits_survive_a_round_trip_through_the_database(
    database_urls: DatabaseUrls,
) -> None:
    amount = "12345678901234567890.123456789012345678"
    async with database(database_urls.owner) as pool:
        await pool.fetch("CREATE TABLE amounts (amount numeric(38, 18))")
        await pool.fetch("INSERT INTO amounts VALUES ($1::text::numeric)", [amount])
        await pool.fetch("INSERT INTO amounts VALUES ($1::text::numeric)", ["0.000000000000000001"])
        rows = await pool.fetch("SELECT amount::text AS amount FROM amounts")
    assert [row["amount"] for row in rows] == [amount, "0.000000000000000001"]
