"""Operators in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

from domain.actions.operator.operators import Operator
from persistence.postgres.pool import Database

ALL = "SELECT name, created_at, disabled_at FROM operators ORDER BY name"

STORED_HASH = "SELECT secret_hash FROM operators WHERE name = $1 AND disabled_at IS NULL"

STORE = """
INSERT INTO operators (name, secret_hash, created_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET secret_hash = excluded.secret_hash, disabled_at = NULL
  WHERE operators.disabled_at IS NOT NULL
RETURNING name
"""

# Locks all rows in one order, so that two operators cannot disable each other at the same time.
DISABLE = """
WITH enabled AS MATERIALIZED (
  SELECT name FROM operators WHERE disabled_at IS NULL ORDER BY name FOR UPDATE
)
UPDATE operators SET disabled_at = $2
WHERE name = $1 AND name IN (SELECT name FROM enabled) AND (SELECT count(*) FROM enabled) > 1
RETURNING name
"""


class PostgresOperatorRepository:
    """OperatorRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Operator]:
        """See OperatorRepository."""
        return [Operator(**row) for row in await self._database.fetch(ALL)]

    async def secret_hash(self, name: str) -> bytes | None:
        """See OperatorRepository."""
        row = await self._database.fetch_one(STORED_HASH, [name])
        return None if row is None else bytes(row["secret_hash"])

    async def store(self, name: str, secret_hash: bytes, now: datetime) -> bool:
        """See OperatorRepository."""
        return await self._database.fetch_one(STORE, [name, secret_hash, now]) is not None

    async def disable(self, name: str, now: datetime) -> bool:
        """See OperatorRepository."""
        return await self._database.fetch_one(DISABLE, [name, now]) is not None
