"""A standby that is promoted: whatever used the primary continues there by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from domain.history import DatabaseOnHold
from feeds.loop import run_forever
from persistence.postgres.commits import Commits
from persistence.postgres.migrate import apply_migrations
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.pool import Database, DatabaseUnavailable
from persistence.postgres.replica import ReplicaReads
from persistence.postgres.replication import read_hosts
from tests.conftest import Servers, free_port
from tests.support.clients.operator_command import new_operator
from tests.support.databases import database
from tests.support.servers.own.external import SUPERUSER_PASSWORD
from tests.support.servers.own.replicated import ReplicatedPostgres, replicated_postgres
from tests.support.servers.restored import Installation
from tests.support.waiting import wait_until_async

DATABASE = "swapgate"
MAX_RECOVERY_SECONDS = 15.0
PID = "SELECT pg_backend_pid() AS pid"
WRITE = "INSERT INTO revisions (topic) VALUES ('of a test') ON CONFLICT (topic) DO NOTHING"


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicatedPostgres]:
    with replicated_postgres(tmp_path_factory.mktemp("replicated") / "postgres") as servers:
        servers.primary.execute(f"CREATE DATABASE {DATABASE}")
        apply_migrations(servers.url(DATABASE))
        yield servers


async def succeeds(pool: Database | Commits, statement: str) -> bool:
    """Return whether a statement does; an error that does not mean unavailable is raised."""
    try:
        await pool.fetch(statement)
    except DatabaseUnavailable:
        return False
    return True


async def test_a_connection_to_a_server_that_only_reads_is_discarded(
    replicated: ReplicatedPostgres,
) -> None:
    standby = replicated.standby.url("postgres", SUPERUSER_PASSWORD, DATABASE)
    async with database(standby) as pool:
        (before,) = await pool.fetch(PID)
        assert await pool.fetch(PID) == [before]
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            await pool.fetch(WRITE)
        assert await pool.fetch(PID) != [before]
    async with database(replicated.url(DATABASE)) as pool:
        assert await pool.fetch("SELECT pg_is_in_recovery() AS standby") == [{"standby": False}]


async def test_each_host_is_read_under_the_rights_of_the_command(
    replicated: ReplicatedPostgres,
) -> None:
    primary, standby = await read_hosts(replicated.url(DATABASE, role="swapgate_admin"))
    assert [primary.name, standby.name] == replicated.hosts
    assert (primary.is_standby, primary.followers, primary.synchronous) == (False, 1, "*")
    assert (standby.is_standby, standby.problem) == (True, "")
    await wait_until_async(
        partial(read_hosts, replicated.url(DATABASE)),
        lambda hosts: hosts[0].position == hosts[1].position > 0,
    )


@asynccontextmanager
async def replica_reads(replicated: ReplicatedPostgres, url: str) -> AsyncIterator[ReplicaReads]:
    async with database(replicated.url(DATABASE)) as primary:
        reads = ReplicaReads(url, primary)
        try:
            yield reads
        finally:
            reads.close()


async def test_reads_from_a_standby_include_every_write_before_them(
    replicated: ReplicatedPostgres,
) -> None:
    standby = replicated.standby.url("postgres", SUPERUSER_PASSWORD, DATABASE)
    read = "SELECT revision, pg_is_in_recovery() AS standby FROM revisions WHERE topic = 'of reads'"
    async with (
        database(replicated.url(DATABASE)) as writes,
        replica_reads(replicated, standby) as reads,
    ):
        await writes.fetch("INSERT INTO revisions (topic, revision) VALUES ('of reads', 0)")
        served = set()
        for number in range(1, 51):
            await writes.fetch(f"UPDATE revisions SET revision = {number} WHERE topic = 'of reads'")
            (row,) = await reads.fetch(read)
            assert row["revision"] == number
            served.add(row["standby"])
        assert True in served

        replicated.standby.execute("SELECT pg_wal_replay_pause()")
        await writes.fetch("UPDATE revisions SET revision = 99 WHERE topic = 'of reads'")
        assert await reads.fetch(read) == [{"revision": 99, "standby": False}]
        replicated.standby.execute("SELECT pg_wal_replay_resume()")
        await wait_until_async(
            partial(reads.fetch, read), [{"revision": 99, "standby": True}].__eq__
        )


async def test_the_primary_serves_reads_without_the_standby(
    replicated: ReplicatedPostgres,
) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/{DATABASE}"
    of_a_primary = replicated.primary.url("postgres", SUPERUSER_PASSWORD, DATABASE)
    for url in (nowhere, of_a_primary):
        async with replica_reads(replicated, url) as reads:
            assert await reads.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_everything_continues_on_the_promoted_standby(
    replicated: ReplicatedPostgres, servers: Servers, tmp_path: Path
) -> None:
    urls = replicated.urls(DATABASE)
    operator = new_operator(urls, servers, tmp_path, sandbox=False)
    installation = await asyncio.to_thread(Installation, operator)
    await asyncio.to_thread(installation.settle)
    before = await asyncio.to_thread(installation.create, 3)
    heard, stop = asyncio.Event(), asyncio.Event()

    async def listening() -> None:
        await listen(urls.gateway, Channel.WEBHOOK_EVENTS, on_work=heard.set, stop=stop)

    async with AsyncExitStack() as stack:
        calls, reading, committing = [
            await stack.enter_async_context(database(replicated.url(DATABASE), **options))
            for options in ({}, {"session": {"default_transaction_read_only": "on"}}, {})
        ]
        commits = Commits(committing)
        used: list[tuple[Database | Commits, str]] = [
            (calls, WRITE),
            (reading, PID),
            (commits, WRITE),
        ]
        listener = asyncio.create_task(run_forever(listening, name="test", stop=stop))
        await asyncio.wait_for(heard.wait(), 60)
        for pool, statement in used:
            await pool.fetch(statement)

        replicated.kill_primary()
        heard.clear()
        for pool, statement in used:
            await wait_until_async(partial(succeeds, pool, statement), False.__eq__)
        await asyncio.to_thread(replicated.promote)
        for pool, statement in used:
            await wait_until_async(partial(succeeds, pool, statement))
        await asyncio.wait_for(heard.wait(), 60)
        stop.set()
        await listener

    assert await asyncio.to_thread(installation.refuses_creates), "settlement has to confirm it"
    await asyncio.to_thread(installation.settle)
    after = await asyncio.to_thread(installation.create, 3)
    assert len(after - before) == 3


@pytest.mark.slow
async def test_a_former_primary_that_returns_is_on_hold(
    replicated: ReplicatedPostgres, servers: Servers, tmp_path: Path
) -> None:
    """Also if the new primary had no new order: it may have had payments."""
    replicated.rebuild()
    former = replicated.primary
    operator = new_operator(replicated.urls(DATABASE), servers, tmp_path, sandbox=False)
    installation = await asyncio.to_thread(Installation, operator)
    await asyncio.to_thread(installation.settle)
    replicated.kill_primary()
    replicated.promote()
    await asyncio.to_thread(installation.settle)
    replicated.kill_primary()
    replicated.return_of(former)
    with pytest.raises(DatabaseOnHold, match="former primary"):
        await asyncio.to_thread(installation.settle)


@pytest.mark.slow
async def test_a_primary_that_hangs_is_left_for_the_promoted_standby(
    replicated: ReplicatedPostgres,
) -> None:
    """Also by a commit that may wait for half a minute."""
    replicated.rebuild()
    frozen = replicated.primary
    async with database(replicated.url(DATABASE), response_seconds=30.0) as pool:
        await pool.fetch(WRITE)
        replicated.freeze_primary()
        replicated.promote()
        began = asyncio.get_running_loop().time()
        await wait_until_async(partial(succeeds, pool, WRITE))
        assert asyncio.get_running_loop().time() - began < MAX_RECOVERY_SECONDS
    replicated.kill(frozen)
