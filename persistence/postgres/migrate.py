"""Migrations: numbered SQL files, applied in order by yoyo."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.exceptions import LockTimeout

DIRECTORY = Path(__file__).parent / "migrations"

# yoyo logs each step; callers report the returned ids instead.
logging.getLogger("yoyo.migrations").setLevel(logging.WARNING)


class MigrationFailed(Exception):
    """A migration failed, or the database is unavailable."""


def apply_migrations(url: str, *, directory: Path = DIRECTORY) -> list[str]:
    """Apply the pending migrations and return their ids; `url` is a libpq URL of the owner.

    Concurrent calls wait for each other. Each migration is a transaction. Raises MigrationFailed.
    """
    try:
        with _backend(url) as backend, backend.lock():
            due = backend.to_apply(read_migrations(str(directory)))
            backend.apply_migrations(due)
            return [migration.id for migration in due]
    except (psycopg.Error, LockTimeout) as error:
        raise MigrationFailed(f"The database cannot be migrated: {error}") from error


@contextmanager
def _backend(url: str) -> Iterator[Any]:
    backend = get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        yield backend
    finally:
        backend.connection.close()
