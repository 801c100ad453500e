"""Migrations: numbered SQL files, applied in order by yoyo."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import LockNotAvailable
from yoyo import get_backend, read_migrations

from persistence.postgres.sessions import pooler_problem

DIRECTORY = Path(__file__).parent / "migrations"

# yoyo logs each step; callers report the returned ids instead.
logging.getLogger("yoyo.migrations").setLevel(logging.WARNING)

# Of the session that migrates: it ends with it, while a row in a table would outlast a process that
# is killed. The server then ends a statement that is still running, and the lock with it.
LOCK: Final = (
    "SET client_connection_check_interval = '2s'",
    "SELECT pg_advisory_lock(hashtext('swapgate migrations'))",
)

# Not in a dump, because it is a right to the database itself: a restored one has it again.
REVOKE_TEMPORARY: Final = """
DO $$ BEGIN
  EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
END $$
"""

# While a migration waits for a lock, all statements after it wait as well. It therefore waits for a
# shorter time than those may take, and lets them pass before it tries again.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"
LOCK_ATTEMPTS: Final = 30
LOCK_PAUSE_SECONDS: Final = 2.0


class MigrationFailed(Exception):
    """A migration failed, or the database is unavailable."""


def apply_migrations(url: str, *, directory: Path = DIRECTORY) -> list[str]:
    """Apply the pending migrations and return their ids; `url` is a libpq URL of the owner.

    Concurrent calls wait for each other. Each migration is a transaction, unless its file contains
    `-- transactional: false`. Raises MigrationFailed, and UnusableUrl.
    """
    problem = pooler_problem(url)
    if problem:
        raise MigrationFailed(problem)
    try:
        with _backend(url) as backend:
            for statement in LOCK:
                backend.execute(statement)
            backend.commit()
            due = backend.to_apply(read_migrations(str(directory)))
            for migration in due:
                migration.load()
                (_apply if migration.use_transactions else _apply_outside)(backend, migration)
            backend.execute(REVOKE_TEMPORARY)
            backend.commit()
            return [migration.id for migration in due]
    except LockNotAvailable as error:
        raise MigrationFailed(
            "Other sessions hold a lock that a migration needs. End long transactions"
            " (pg_stat_activity shows them), then migrate again."
        ) from error
    except psycopg.Error as error:
        raise MigrationFailed(f"The database cannot be migrated: {error}") from error


@contextmanager
def _backend(url: str) -> Iterator[Any]:
    # yoyo's parser knows one host; what stands in the query reaches the driver as it is
    parameters = urlencode(conninfo_to_dict(url), quote_via=quote)
    backend = get_backend(f"postgresql+psycopg:///?{parameters}")
    try:
        yield backend
    finally:
        backend.connection.close()


def _apply(backend: Any, migration: Any) -> None:
    """Apply a migration and record it, both or neither, and let others pass while it cannot."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with backend.transaction():
                backend.execute(LOCK_TIMEOUT)
                migration.process_steps(backend, "apply")
                backend.mark_one(migration)
        except LockNotAvailable:
            if attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def _apply_outside(backend: Any, migration: Any) -> None:
    """Apply a migration that no transaction may contain: one that can be repeated."""
    migration.process_steps(backend, "apply")
    with backend.transaction():
        backend.mark_one(migration)
