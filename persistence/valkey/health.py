"""What a Valkey server reports about itself: version, eviction policy and time."""

from typing import Any

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.admission.nonces import remembered_since


class Server(msgspec.Struct, frozen=True):
    """A Valkey server. `version` is empty for one that is not Valkey; times are in Unix seconds.

    `nonces_since` is the time since when all nonces are remembered, if known.
    """

    version: tuple[int, ...]
    memory_policy: str
    now: float
    nonces_since: float | None


async def read_server(client: Valkey) -> Server:
    """Return what the server reports; raise Unavailable."""
    try:
        info: dict[str, Any] = await client.info()
        seconds, microseconds = await client.time()
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    version = str(info.get("valkey_version", ""))
    return Server(
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        memory_policy=str(info.get("maxmemory_policy", "")),
        now=int(seconds) + int(microseconds) / 1_000_000,
        nonces_since=await remembered_since(client),
    )
