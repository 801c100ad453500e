"""Publishes the newest revision of a partner's record, which admission compares calls with."""

import asyncio
from typing import Final, Literal
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.partners.partner import ALL_PARTNERS

TIMEOUT_SECONDS: Final = 1.5
EXPIRY_SECONDS: Final = 3_600
"""Long after every worker has read the changed record, or stopped trusting its own."""

# Two changes may be published in the wrong order: the newer revision wins. ARGV: the revision, and
# after how many seconds it expires (0: never).
PUBLISH: Final = """
local newest = tonumber(server.call('GET', KEYS[1]) or '-1')
if newest < tonumber(ARGV[1]) then
  if ARGV[2] == '0' then
    server.call('SET', KEYS[1], ARGV[1])
  else
    server.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  end
end
"""


def revision_key(partner_id: UUID | Literal["*"]) -> str:
    """Return the key of a partner's newest revision, or the pattern of all such keys.

    That of ALL_PARTNERS is the newest of any partner.
    """
    return f"{{p:{partner_id}}}:revision"


async def publish_revision(client: Valkey, partner_id: UUID | None, revision: int) -> None:
    """Make earlier records of a partner stale from now on; raise Unavailable.

    Without a partner, only the newest revision of any partner is published.
    """
    script = client.register_script(PUBLISH)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if partner_id is not None:
                await script(keys=[revision_key(partner_id)], args=[revision, EXPIRY_SECONDS])
            await script(keys=[revision_key(ALL_PARTNERS)], args=[revision, 0])
    except (ValkeyError, OSError, TimeoutError) as error:
        raise Unavailable(f"the revision was not published: {error}") from error
