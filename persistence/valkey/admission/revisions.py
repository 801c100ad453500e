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

# Two changes may be published in the wrong order: the newer revision wins. The revision of all
# partners together does not expire.
PUBLISH: Final = """
for index, key in ipairs(KEYS) do
  local newest = tonumber(server.call('GET', key) or '-1')
  if newest < tonumber(ARGV[1]) then
    if index == 1 then
      server.call('SET', key, ARGV[1])
    else
      server.call('SET', key, ARGV[1], 'EX', ARGV[2])
    end
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
    keys = [revision_key(ALL_PARTNERS)]
    if partner_id is not None:
        keys.append(revision_key(partner_id))
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await client.register_script(PUBLISH)(keys=keys, args=[revision, EXPIRY_SECONDS])
    except (ValkeyError, OSError, TimeoutError) as error:
        raise Unavailable(f"the revision was not published: {error}") from error
