"""Migrations: numbered SQL files, applied in order by yoyo."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
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


class MigrationFailed(Exception):
    """A migration failed, or the database is unavailable."""


def apply_migrations(url: str, *, directory: Path = DIRECTORY) -> list[str]:
    """Apply the pending migrations and return their ids; `url` is a libpq URL of the owner.

    Concurrent calls wait for each other. Each migration is a transaction. Raises MigrationFailed,
    and UnusableUrl.
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
            backend.apply_migrations(due)
            return [migration.id for migration in due]
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
