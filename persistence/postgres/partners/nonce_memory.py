"""Whether nonces have ever been remembered: the one fact on nonces that outlives Valkey."""

from typing import Final

from persistence.postgres.pool import Database

BEGIN: Final = """
INSERT INTO nonce_memory (began_at) VALUES (now())
ON CONFLICT (only_row) DO NOTHING RETURNING began_at
"""


AGE: Final = "SELECT extract(epoch FROM now() - began_at)::float AS age FROM nonce_memory"


async def begin_nonce_memory(database: Database) -> float | None:
    """Record that nonces are remembered from now on; return since how many seconds they have been.

    Returns None if that is new. Raises Unavailable.
    """
    if await database.fetch(BEGIN):
        return None
    row = await database.fetch_one(AGE)
    return max(float(row["age"]), 0.0) if row else None
