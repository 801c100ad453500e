"""A connection of its own for one script that is called all the time: a call costs little here."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha1
from typing import Final

from valkey.asyncio import Valkey
from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import NoScriptError, ValkeyError

DEADLINE_SECONDS: Final = 1.5


class ScriptLane:
    """Runs a script, a call at a time, on a connection that it makes and makes anew.

    The client's own way to run one, through its pool and with an argument each for what goes in and
    comes out, costs as much as all the rest of a quote. Here the caller packs its arguments, and
    the connection belongs to nobody else. Whatever goes wrong, the connection is given up, so that
    an answer can't be taken for another's.
    """

    def __init__(self, client: Valkey, script: str) -> None:
        self._script = script
        self._pool = client.connection_pool
        self._connection: AbstractConnection | None = None
        digest = sha1(script.encode()).hexdigest()  # noqa: S324  what EVALSHA goes by
        self._command = bulk(b"EVALSHA") + bulk(digest.encode())

    async def run(self, keys: Iterable[bytes], count: int, argument: bytes) -> bytes:
        """Run the script and return the string it returns.

        `keys` are `count` keys, each as `bulk` packs it, or several of them joined. Raises
        ValkeyError, OSError or TimeoutError; it isn't known then whether the script has run.
        """
        number = bulk(b"%d" % count)
        command = b"".join((b"*%d\r\n" % (count + 4), self._command, number, *keys, bulk(argument)))
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await self._asked(command)
        except BaseException:
            if self._connection is not None:
                await _hang_up(self._connection)
            raise

    async def _asked(self, command: bytes) -> bytes:
        connection = self._connection
        if connection is None:
            # It stays taken, and is closed with the client's.
            connection = await self._pool.get_connection("EVALSHA")  # type: ignore[no-untyped-call]
            connection.socket_timeout = None  # each call has a deadline
            self._connection = connection
        elif connection.is_connected:
            ended = await connection.can_read_destructive()  # type: ignore[no-untyped-call]
            if ended:
                await _hang_up(connection)
        try:
            return await _answer(connection, command)
        except NoScriptError:
            await connection.send_command("SCRIPT", "LOAD", self._script)
            await connection.read_response()
            return await _answer(connection, command)


async def _answer(connection: AbstractConnection, command: bytes) -> bytes:
    await connection.send_packed_command(command, check_health=False)
    answer: bytes = await connection.read_response(disable_decoding=True)
    return answer


async def _hang_up(connection: AbstractConnection) -> None:
    """Close a connection; the next command makes it anew."""
    with suppress(ValkeyError, OSError):
        await connection.disconnect(nowait=True)


def bulk(value: bytes) -> bytes:
    """Return a value as the protocol has it in a command."""
    return b"$%d\r\n%b\r\n" % (len(value), value)
