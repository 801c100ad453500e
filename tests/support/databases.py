"""Databases as processes open them, for the time of a context."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from persistence.postgres.pool import Database


@asynccontextmanager
async def database(url: str, **options: Any) -> AsyncIterator[Database]:
    """Open a database with these options of Database, and close it."""
    pool = Database(url, **options)
    try:
        yield pool
    finally:
        pool.close()
