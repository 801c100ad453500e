"""Since when all nonces are remembered: without that time in Valkey, its nonces are lost.

A worker writes it once in the life of an installation. The admission script reads it with every
call, and where it is missing (FLUSHALL, a new or an emptied server) it starts again: calls are
rejected until every nonce that may have been lost is older than the time nonces are remembered.
"""

from typing import Final

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.connection.client import reply

REMEMBERED_SINCE: Final = "nonces:since"
"""In milliseconds of Unix time by Valkey's clock; 0 if none was ever lost."""


async def declare_complete(client: Valkey) -> None:
    """State that no nonce was lost, unless Valkey knows better. Raises Unavailable."""
    await reply(client.set(REMEMBERED_SINCE, "0", nx=True))


async def remembered_since(client: Valkey) -> float | None:
    """Return the Unix time in seconds since when all nonces are remembered, if known.

    Raises Unavailable.
    """
    try:
        stored: bytes | None = await client.get(REMEMBERED_SINCE)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return int(stored) / 1000 if stored and stored.isdigit() else None
