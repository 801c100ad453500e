"""Since when all nonces are remembered: without that time in Valkey, its nonces are lost.

A worker writes it once in the life of an installation. The admission script reads it with every
call, and where it is missing (FLUSHALL, a new or an emptied server) it starts again: calls are
rejected until every nonce that may have been lost is older than the time nonces are remembered.
A cluster has such a time in each slot, which moves to another server with the nonces of the slot.
"""

from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Final

from valkey.asyncio import Valkey
from valkey.crc import key_slot
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.connection.client import primaries_of
from persistence.valkey.connection.cluster import SLOTS
from persistence.valkey.connection.primaries import Primaries, Primary

REMEMBERED_SINCE: Final = "nonces:since"
"""In milliseconds of Unix time by Valkey's clock; 0 if none was ever lost."""
RECORD: Final = "nonces:primary"
"""The record of a primary that may be replaced: see Replication."""
KEYS_PER_CALL: Final = 1_000

# ARGV: "lost", "unknown" or "complete", and keys. Lost nonces are remembered from now on. Where no
# time is stored, unknown ones are, too, and complete ones since ever.
WRITE: Final = """#!lua flags=allow-cross-slot-keys
local time = server.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local since = ARGV[1] == 'complete' and '0' or now
for i = 2, #ARGV do
  if ARGV[1] == 'lost' then
    server.call('SET', ARGV[i], now)
  else
    server.call('SET', ARGV[i], since, 'NX')
  end
end
"""

# ARGV: keys. Returns the newest of their times, or -1 where one is missing.
NEWEST: Final = """#!lua flags=allow-cross-slot-keys
local newest = 0
for _, key in ipairs(ARGV) do
  local since = tonumber(server.call('GET', key) or nil)
  if not since then
    return '-1'
  end
  newest = math.max(newest, since)
end
return string.format('%d', newest)
"""


def nonces_key(primaries: Primaries, slot: int) -> str:
    """Return the key of the time since when the nonces of a slot are remembered."""
    return f"{REMEMBERED_SINCE}:{{{tag_of(slot)}}}" if primaries.has_slots else REMEMBERED_SINCE


def tag_of(slot: int) -> str:
    """Return a hash tag of a slot."""
    return _tags()[slot]


async def declare_complete(client: Valkey) -> None:
    """State that no nonce was lost, unless Valkey knows better. Raises Unavailable."""
    primaries = primaries_of(client)
    await primaries.refresh()
    for primary in primaries.known:
        await write_times(primaries, primary, "complete")


async def write_times(primaries: Primaries, primary: Primary, nonces: str) -> None:
    """Write since when the nonces of a server are remembered; see WRITE. Raises Unavailable."""
    script = primary.client.register_script(WRITE)
    try:
        for keys in _keys(primaries, primary):
            await script(args=[nonces, *keys])
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error


async def remembered_since(primaries: Primaries, primary: Primary) -> float | None:
    """Return the Unix time in seconds since when all nonces of a server are remembered, if known.

    Raises ValkeyError, OSError.
    """
    script = primary.client.register_script(NEWEST)
    newest = [int(await script(args=keys)) for keys in _keys(primaries, primary)]
    return max(newest) / 1000 if min(newest) >= 0 else None


def _keys(primaries: Primaries, primary: Primary) -> Iterator[list[str]]:
    """Yield the keys of the times of a server's slots, as many at once as one call may have."""
    slots = list(primary.slots) or [0]
    for start in range(0, len(slots), KEYS_PER_CALL):
        yield [nonces_key(primaries, slot) for slot in slots[start : start + KEYS_PER_CALL]]


@cache
def _tags() -> list[str]:
    tags: dict[int, str] = {}
    for number in count():
        tags.setdefault(key_slot(str(number).encode()), str(number))
        if len(tags) == SLOTS:
            return [tags[slot] for slot in range(SLOTS)]
    raise AssertionError
