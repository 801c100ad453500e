"""`swapgate migrate` waits for another one, and is not blocked by one that was killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from persistence.postgres.migrate import apply_migrations
from tests.conftest import Servers
from tests.support.waiting import wait_until

SLEEPS = "SELECT pg_sleep(600);"
MIGRATE = """
import pathlib, sys
from persistence.postgres.migrate import apply_migrations
apply_migrations(sys.argv[1], directory=pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[str]:
    """Yield the URL of a new database without any tables."""
    name = f"migrate_{os.getpid()}_{os.urandom(4).hex()}"
    servers.postgres.create_database(name)
    yield servers.postgres.url(database=name)
    servers.postgres.drop_database(name)


def directory(tmp_path: Path, *statements: str) -> Path:
    """Return a directory of migrations with these statements."""
    folder = tmp_path / "migrations"
    folder.mkdir(exist_ok=True)
    for number, statement in enumerate(statements):
        (folder / f"{number:04}-step.sql").write_text(statement)
    return folder


def test_a_killed_migration_blocks_no_other_one(empty_database: str, tmp_path: Path) -> None:
    folder = directory(tmp_path, "CREATE TABLE first ();", SLEEPS)
    running = subprocess.Popen([sys.executable, "-c", MIGRATE, empty_database, str(folder)])
    with psycopg.connect(empty_database, autocommit=True) as connection:
        wait_until(
            lambda: connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            ).fetchone(),
            (1,).__eq__,
        )
    running.send_signal(signal.SIGKILL)
    running.wait()
    directory(tmp_path, "CREATE TABLE first ();", "CREATE TABLE second ();")
    assert apply_migrations(empty_database, directory=folder) == ["0001-step"]


def test_of_concurrent_migrations_each_step_is_applied_once(
    empty_database: str, tmp_path: Path
) -> None:
    folder = directory(
        tmp_path, *(f"CREATE TABLE t{number} (); SELECT pg_sleep(0.1);" for number in range(5))
    )
    with ThreadPoolExecutor(4) as pool:
        applied = list(
            pool.map(lambda _: apply_migrations(empty_database, directory=folder), range(4))
        )
    assert sorted(map(len, applied)) == [0, 0, 0, 5]
