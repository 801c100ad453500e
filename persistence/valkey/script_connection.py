"""A connection of its own for one script that is called all the time: a call costs little here."""

import asyncio
from collections.abc import Iterable
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from valkey.asyncio import Valkey

from persistence.valkey.script_protocol import Answered, ScriptProtocol, bulk

if TYPE_CHECKING:
    from valkey.asyncio.connection import AbstractConnection

CONNECT_SECONDS: Final = 1.5


class ScriptConnection:
    """Calls a script on a connection that it makes, and makes anew.

    The client's own way to call one, through its pool and its parser and with an argument each for
    what goes in and comes out, costs as much as all the rest of a quote. So the client connects and
    authenticates, a wire of ours takes over, and the connection is closed with the client's.
    """

    def __init__(self, client: Valkey, script: str) -> None:
        self._pool = client.connection_pool
        self._script = script
        digest = sha1(script.encode()).hexdigest()  # noqa: S324  what EVALSHA goes by
        self._command = bulk(b"EVALSHA") + bulk(digest.encode())
        self._connection: AbstractConnection | None = None
        self._connecting: asyncio.Task[ScriptProtocol] | None = None
        self._wire: ScriptProtocol | None = None
        self._unsent: list[tuple[bytes, Answered]] = []

    def call(self, keys: Iterable[bytes], count: int, argument: bytes, answered: Answered) -> None:
        """Call the script, and give `answered` the string it returns.

        `keys` are `count` keys, each as `bulk` packs it, or several of them joined. Instead of a
        string there may come an exception; it isn't known then whether the script has run.
        """
        number = bulk(b"%d" % count)
        command = b"".join((b"*%d\r\n" % (count + 4), self._command, number, *keys, bulk(argument)))
        if self._wire is not None and not self._wire.closed:
            self._wire.send(command, answered)
            return
        self._unsent.append((command, answered))
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._connected)

    async def _connect(self) -> ScriptProtocol:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._connection is None:  # it comes connected, and stays taken
                taking = self._pool.get_connection("EVALSHA")  # type: ignore[no-untyped-call]
                self._connection = await taking
            else:
                await self._connection.disconnect(nowait=True)
                await self._connection.connect()  # type: ignore[no-untyped-call]
        writer = self._connection._writer  # noqa: SLF001  there is no other way to the transport
        return ScriptProtocol(writer.transport, self._script)  # type: ignore[union-attr, arg-type]

    def _connected(self, connecting: "asyncio.Task[ScriptProtocol]") -> None:
        self._connecting = None
        unsent, self._unsent = self._unsent, []
        error = None if connecting.cancelled() else connecting.exception()
        if connecting.cancelled() or error is not None:
            told = error if isinstance(error, Exception) else ConnectionAbortedError()
            for _, answered in unsent:
                answered(told)
            return
        self._wire = connecting.result()
        for command, answered in unsent:
            self._wire.send(command, answered)
