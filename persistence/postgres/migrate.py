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

# yoyo logs each step; what was applied is this module's return value.
logging.getLogger("yoyo.migrations").setLevel(logging.WARNING)


class MigrationFailed(Exception):
    """A migration was refused, or the database can't be reached."""


def apply_migrations(url: str) -> list[str]:
    """Bring the database at `url` (a libpq URL of its owner) up to date; return what was applied.

    Two at once wait for each other. Each migration is a transaction. Raises MigrationFailed.
    """
    try:
        with _backend(url) as backend, backend.lock():
            due = backend.to_apply(read_migrations(str(DIRECTORY)))
            backend.apply_migrations(due)
            return [migration.id for migration in due]
    except (psycopg.Error, LockTimeout) as error:
        raise MigrationFailed(f"The database can't be migrated: {error}") from error


@contextmanager
def _backend(url: str) -> Iterator[Any]:
    backend = get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        yield backend
    finally:
        backend.connection.close()
