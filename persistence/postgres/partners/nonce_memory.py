"""Whether nonces have ever been remembered: the one fact on nonces that outlives Valkey."""

from typing import Final

from persistence.postgres.pool import Database

BEGIN: Final = """
INSERT INTO nonce_memory (began_at) VALUES (now())
ON CONFLICT (only_row) DO NOTHING RETURNING began_at
"""


async def begin_nonce_memory(database: Database) -> bool:
    """Record that nonces are remembered from now on; return whether that is new.

    Raises Unavailable.
    """
    return bool(await database.fetch(BEGIN))
