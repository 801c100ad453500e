"""Counters of unsigned calls that all workers share: calls of a source per window."""

import asyncio
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final

from valkey.asyncio import Valkey
from valkey.crc import key_slot

from domain.errors import Unavailable
from domain.partners.unsigned_limits import Bounds, Count
from persistence.valkey.connection.client import primaries_of
from persistence.valkey.connection.primaries import Primaries
from persistence.valkey.connection.script_connection import ScriptConnection
from persistence.valkey.connection.script_protocol import bulk_string

SCRIPT: Final = (Path(__file__).parent / "counters.lua").read_text()
SPARE_SECONDS: Final = 30
"""A window counts until the end of the following one, by clocks that differ by less than this."""
_HEAD: Final = Struct(">III")
_BOUND: Final = Struct(">IdI")
_ADMITTED: Final = Struct(">I")
_COUNT: Final = Struct(">II")
MAX_NUMBER: Final = 2**32 - 1


class ValkeyCounters:
    """Counts calls by a script, so that a call is counted in all of its bounds or in none."""

    def __init__(self, client: Valkey, primaries: Primaries | None = None) -> None:
        self._primaries = primaries or primaries_of(client)
        self._connections: dict[str, tuple[Valkey, ScriptConnection]] = {}

    async def reserve(self, bounds: Bounds, wanted: int, time: float) -> tuple[int, list[Count]]:
        """Count up to `wanted` calls at a time in Unix seconds; raise Unavailable.

        Returns how many every bound admits, and what the counters of `bounds.every` contain then.
        """
        keys, values = [], []
        always = len(bounds.own) + len(bounds.shared)
        windows = [bound.window(time) for bound in bounds.every]
        for bound, (window, left) in zip(bounds.every, windows, strict=True):
            prefix = f"{bound.key}:{bound.seconds}:"
            keys += [bulk_string(f"{prefix}{one}".encode()) for one in (window, window - 1)]
            limit = min(bound.limit, MAX_NUMBER)
            values.append(_BOUND.pack(limit, left, 2 * bound.seconds + SPARE_SECONDS))
        argument = _HEAD.pack(wanted, len(bounds.own), always) + b"".join(values)
        replied: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        connection = self._connection(bounds.every[0].key)
        arguments = [bulk_string(argument), *keys]
        connection.call(arguments, len(arguments), partial(_resolve, replied))
        reply = await replied
        if len(reply) != _ADMITTED.size + _COUNT.size * len(windows):
            raise Unavailable(f"no counters from Valkey: {reply!r}")
        counts = _COUNT.iter_unpack(reply[_ADMITTED.size :])
        admitted: int = _ADMITTED.unpack_from(reply)[0]
        return admitted, [
            Count(window, *count) for (window, _), count in zip(windows, counts, strict=True)
        ]

    def _connection(self, key: str) -> ScriptConnection:
        """Return the connection to the server of all bounds with a key's hash tag."""
        primary = self._primaries.of_slot(key_slot(key.encode()))
        if primary is None:
            raise Unavailable("no server of Valkey is known for the counters")
        client, connection = self._connections.get(primary.address, (None, None))
        if connection is None or client is not primary.client:
            connection = ScriptConnection(primary.client, SCRIPT)
            self._connections[primary.address] = (primary.client, connection)
        return connection


def _resolve(future: "asyncio.Future[bytes]", reply: bytes | Exception) -> None:
    if future.done():
        return
    if isinstance(reply, Exception):
        future.set_exception(Unavailable(f"no counters from Valkey: {reply!r}"))
    else:
        future.set_result(reply)
