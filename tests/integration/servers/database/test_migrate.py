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

from persistence.postgres import migrate
from persistence.postgres.migrate import MigrationFailed, apply_migrations
from tests.conftest import Servers
from tests.support.waiting import wait_until

SLEEPS = "SELECT pg_sleep(600);"
MIGRATE = """
import pathlib, sys
from persistence.postgres import migrate
from persistence.postgres.migrate import MigrationFailed, apply_migrations
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


# Of a server that stops between a migration and its record: yoyo's own table rejects the record.
REJECTS_RECORDS = """
CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'no record of %', NEW.migration_id;
END $$;
CREATE TRIGGER rejects BEFORE INSERT ON _yoyo_migration
  FOR EACH ROW WHEN (NEW.migration_id <> '0000-step') EXECUTE FUNCTION reject();
"""


def test_a_migration_that_is_not_recorded_is_not_applied(
    empty_database: str, tmp_path: Path
) -> None:
    folder = directory(tmp_path, REJECTS_RECORDS, "CREATE TABLE second ();")
    with pytest.raises(MigrationFailed, match="no record of 0001-step"):
        apply_migrations(empty_database, directory=folder)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('second')").fetchone() == (None,)


def test_while_a_migration_waits_for_a_lock_other_statements_pass(
    empty_database: str, tmp_path: Path
) -> None:
    apply_migrations(empty_database, directory=directory(tmp_path, "CREATE TABLE first ();"))
    folder = directory(
        tmp_path, "CREATE TABLE first ();", "ALTER TABLE first ADD COLUMN amount numeric;"
    )
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(empty_database) as long_transaction,
        psycopg.connect(empty_database, autocommit=True) as other,
    ):
        long_transaction.execute("SELECT FROM first")
        migration = pool.submit(apply_migrations, empty_database, directory=folder)
        wait_until(
            lambda: other.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'first'::regclass"
            ).fetchone(),
            (1,).__eq__,
        )
        other.execute("SET statement_timeout = '30s'")
        other.execute("SELECT FROM first")
        assert not migration.done()
        long_transaction.rollback()
        assert migration.result() == ["0001-step"]


def test_a_migration_that_never_gets_its_lock_fails_with_a_sentence(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_ATTEMPTS", 1)
    apply_migrations(empty_database, directory=directory(tmp_path, "CREATE TABLE first ();"))
    folder = directory(tmp_path, "CREATE TABLE first ();", "DROP TABLE first;")
    with psycopg.connect(empty_database) as long_transaction:
        long_transaction.execute("SELECT FROM first")
        with pytest.raises(MigrationFailed, match="End long transactions"):
            apply_migrations(empty_database, directory=folder)


def test_an_index_of_a_table_in_use_is_created_outside_of_a_transaction(
    empty_database: str, tmp_path: Path
) -> None:
    folder = directory(
        tmp_path,
        "CREATE TABLE first (id bigint);",
        "-- transactional: false\n"
        "DROP INDEX CONCURRENTLY IF EXISTS first_id;\n"
        "CREATE INDEX CONCURRENTLY first_id ON first (id);",
    )
    assert apply_migrations(empty_database, directory=folder) == ["0000-step", "0001-step"]
    assert apply_migrations(empty_database, directory=folder) == []
    with psycopg.connect(empty_database) as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'first_id'::regclass"
        assert connection.execute(valid).fetchone() == (True,)


def test_migrate_revokes_a_right_that_a_restored_database_grants_again(
    empty_database: str, tmp_path: Path
) -> None:
    """In a restored database everybody may create temporary tables, as in any new one."""
    folder = directory(tmp_path, "CREATE TABLE first ();")
    apply_migrations(empty_database, directory=folder)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN EXECUTE format("
            "'GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$"
        )
        assert apply_migrations(empty_database, directory=folder) == []
        found = connection.execute(
            "SELECT has_database_privilege('swapgate_gateway', current_database(), 'TEMPORARY')"
        ).fetchone()
    assert found == (False,)
