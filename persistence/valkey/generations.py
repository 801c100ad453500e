"""Publishes the newest generation of a partner's secrets, which admission compares calls with."""

import asyncio
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable

TIMEOUT_SECONDS: Final = 1.5
EXPIRY_SECONDS: Final = 3_600
"""Long after every worker has read the changed record, which takes a second."""

# Two rotations may publish in the wrong order: the newer generation wins.
PUBLISH: Final = """
local newest = tonumber(server.call('GET', KEYS[1]) or '-1')
if newest < tonumber(ARGV[1]) then
  server.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


def generation_key(partner_id: UUID) -> str:
    """Return the key of a partner's newest generation; it expires once every worker has read it."""
    return f"{{p:{partner_id}}}:generation"


async def publish_generation(client: Valkey, partner_id: UUID, generation: int) -> None:
    """Make calls of earlier generations stale from now on; raise Unavailable."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await client.register_script(PUBLISH)(
                keys=[generation_key(partner_id)], args=[generation, EXPIRY_SECONDS]
            )
    except (ValkeyError, OSError, TimeoutError) as error:
        raise Unavailable(f"the generation was not published: {error}") from error
