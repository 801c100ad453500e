"""The generations of the records that Valkey's primaries have: what outlives a failover."""

from typing import Final

from persistence.postgres.pool import Database

READ: Final = "SELECT generation FROM valkey_primaries WHERE address = $1"
ADVANCE: Final = """
INSERT INTO valkey_primaries AS known (address, generation) VALUES ($1, $2)
ON CONFLICT (address) DO UPDATE SET generation = greatest(known.generation, excluded.generation)
RETURNING generation
"""


class PostgresGenerations:
    """Generations over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, address: str) -> int | None:
        """See Generations."""
        row = await self._database.fetch_one(READ, [address])
        return int(row["generation"]) if row else None

    async def advance(self, address: str, at_least: int) -> int:
        """See Generations."""
        rows = await self._database.fetch(ADVANCE, [address, at_least])
        return int(rows[0]["generation"])
