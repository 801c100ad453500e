"""Late commits: their callers go on, others are rejected at once, and their end ends that."""

import asyncio
from typing import Any, cast

import pytest

from persistence.postgres.commits import Commits
from persistence.postgres.pool import Database, DatabaseUnavailable, Row

ROWS: list[Row] = [{"id": 1}]


class FakeDatabase:
    """Statements that end when the test says so."""

    def __init__(self) -> None:
        self.running: list[asyncio.Future[list[Row]]] = []

    async def fetch(self, _: str, __: Any = ()) -> list[Row]:
        self.running.append(asyncio.get_running_loop().create_future())
        return await self.running[-1]


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


def commits(database: FakeDatabase, *, max_seconds: float = 0.01) -> Commits:
    return Commits(cast("Database", database), max_seconds=max_seconds)


async def late(subject: Commits) -> None:
    with pytest.raises(DatabaseUnavailable, match="is waiting"):
        await subject.fetch("")


async def test_while_a_commit_is_late_no_other_statement_is_sent(database: FakeDatabase) -> None:
    subject = commits(database)
    await asyncio.gather(late(subject), late(subject))
    for _ in range(10):
        with pytest.raises(DatabaseUnavailable, match="still waiting"):
            await subject.fetch("")
    assert len(database.running) == 2
    assert subject.are_waiting


@pytest.mark.parametrize("error", [None, DatabaseUnavailable("the server has failed")])
async def test_statements_are_sent_again_once_all_late_ones_have_ended(
    database: FakeDatabase, error: Exception | None
) -> None:
    subject = commits(database)
    await asyncio.gather(late(subject), late(subject))
    for one in database.running:
        assert subject.are_waiting
        one.set_result(ROWS) if error is None else one.set_exception(error)
        await asyncio.sleep(0.01)
    assert not subject.are_waiting
    subject = commits(database, max_seconds=60)
    running = asyncio.ensure_future(subject.fetch(""))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    database.running[-1].set_result(ROWS)
    assert await running == ROWS


async def test_a_late_statement_is_never_canceled(database: FakeDatabase) -> None:
    """PostgreSQL would commit it on the primary alone, and report success."""
    subject = commits(database)
    await late(subject)
    caller = asyncio.ensure_future(commits(database, max_seconds=60).fetch(""))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.sleep(0.01)
    assert [one.cancelled() for one in database.running] == [False, False]


async def test_errors_of_statements_are_raised(database: FakeDatabase) -> None:
    subject = commits(database, max_seconds=60)
    running = asyncio.ensure_future(subject.fetch(""))
    await asyncio.sleep(0.01)
    database.running[0].set_exception(DatabaseUnavailable("all connections are busy"))
    with pytest.raises(DatabaseUnavailable, match="busy"):
        await running
    assert not subject.are_waiting
