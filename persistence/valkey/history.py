"""What settlement knows of the database's history, outside of the database: the newest it issued.

It survives the loss of writes of the database, and the other way round: without it nothing is lost
but one of the ways to detect that the database was put back.
"""

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.history import Marker

KEY = "history:marker"

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Marker)


async def read_marker(client: Valkey) -> Marker | None:
    """Return the marker; None without one, or for one that is not valid. Raises Unavailable."""
    try:
        stored: bytes | None = await client.get(KEY)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    try:
        return None if stored is None else _decoder.decode(stored)
    except msgspec.MsgspecError:
        return None


async def write_marker(client: Valkey, marker: Marker) -> None:
    """Replace the marker. Raises Unavailable."""
    try:
        await client.set(KEY, _encode(marker))
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
