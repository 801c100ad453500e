"""Tells the gate which generation of a partner's secrets is the newest."""

import asyncio
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable

DEADLINE_SECONDS: Final = 1.5
CACHE_SECONDS: Final = 3_600
"""Long after the second in which every worker has read the changed record."""

# Two rotations may tell in the wrong order: the newer one stays.
OUTDATE: Final = """
local known = tonumber(server.call('GET', KEYS[1]) or '-1')
if known < tonumber(ARGV[1]) then
  server.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


def generation_key(partner_id: UUID) -> str:
    """Return the key that holds the newest generation, as long as somebody may not know it yet."""
    return f"{{p:{partner_id}}}:generation"


async def outdate(client: Valkey, partner_id: UUID, generation: int) -> None:
    """Have calls of generations below `generation` refused from now on; raise Unavailable."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await client.register_script(OUTDATE)(
                keys=[generation_key(partner_id)], args=[generation, CACHE_SECONDS]
            )
    except (ValkeyError, OSError, TimeoutError) as error:
        raise Unavailable(f"Valkey can't be told of a rotation: {error}") from error
