"""What Valkey servers report about themselves: version, eviction policy and time."""

from typing import Any

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.admission.nonces import remembered_since
from persistence.valkey.connection.client import primaries_of
from persistence.valkey.connection.primaries import Primaries, Primary


class Server(msgspec.Struct, frozen=True):
    """A Valkey server. `version` is empty for one that is not Valkey; times are in Unix seconds.

    `address` is empty if the URL names one server. `nonces_since` is the time since when all nonces
    are remembered, if known.
    """

    address: str
    version: tuple[int, ...]
    memory_policy: str
    now: float
    nonces_since: float | None


async def read_servers(client: Valkey) -> list[Server]:
    """Return what each primary reports; raise Unavailable."""
    primaries = primaries_of(client)
    await primaries.refresh()
    try:
        return [await _read(primaries, primary) for primary in primaries.known]
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error


async def _read(primaries: Primaries, primary: Primary) -> Server:
    info: dict[str, Any] = await primary.client.info()
    seconds, microseconds = await primary.client.time()
    version = str(info.get("valkey_version", ""))
    return Server(
        address=primary.address,
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        memory_policy=str(info.get("maxmemory_policy", "")),
        now=int(seconds) + int(microseconds) / 1_000_000,
        nonces_since=await remembered_since(primaries, primary),
    )
