"""A dedicated connection for one script that is called often: the cost per call is low."""

import asyncio
from collections.abc import Iterable
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from valkey.asyncio import Valkey

from persistence.valkey.connection.script_protocol import OnReply, ScriptProtocol, bulk_string

if TYPE_CHECKING:
    from valkey.asyncio.connection import AbstractConnection

CONNECT_SECONDS: Final = 1.5


class ScriptConnection:
    """Calls a script on a connection that is opened, and reopened, on demand.

    Calling it through the client, with its pool, its parser and an argument for each value, costs
    as much as the rest of a quote. So the client connects and authenticates, then our own protocol
    takes over; the connection is closed with the client's.
    """

    def __init__(self, client: Valkey, script: str) -> None:
        self._pool = client.connection_pool
        self._script = script
        digest = sha1(script.encode()).hexdigest()  # noqa: S324  EVALSHA identifies scripts by it
        self._command = b"".join(map(bulk_string, (b"EVALSHA", digest.encode(), b"0")))
        self._connection: AbstractConnection | None = None
        self._connecting: asyncio.Task[ScriptProtocol] | None = None
        self._protocol: ScriptProtocol | None = None
        self._unsent: list[tuple[bytes, OnReply, int]] = []

    def call(
        self, arguments: Iterable[bytes], count: int, on_reply: OnReply, *, replicas: int = 0
    ) -> None:
        """Call the script; `on_reply` receives the string that it returns, or an exception.

        `arguments` are `count` values, each encoded as a bulk string, or several of them joined,
        and include the keys: a cluster rejects calls with declared keys in several slots. After an
        exception it is unknown whether the script has run. After NotReplicated it has, but fewer
        than `replicas` have acknowledged it in time.
        """
        command = b"".join((b"*%d\r\n" % (count + 3), self._command, *arguments))
        if self._protocol is not None and not self._protocol.closed:
            self._protocol.send(command, on_reply, replicas=replicas)
            return
        self._unsent.append((command, on_reply, replicas))
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._on_connected)

    async def _connect(self) -> ScriptProtocol:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._connection is None:  # the pool returns it connected, and it is never released
                connecting = self._pool.get_connection("EVALSHA")  # type: ignore[no-untyped-call]
                self._connection = await connecting
            else:
                await self._connection.disconnect(nowait=True)
                await self._connection.connect()  # type: ignore[no-untyped-call]
        writer = self._connection._writer  # noqa: SLF001  there is no other way to the transport
        return ScriptProtocol(writer.transport, self._script)  # type: ignore[union-attr, arg-type]

    def _on_connected(self, connecting: "asyncio.Task[ScriptProtocol]") -> None:
        self._connecting = None
        unsent, self._unsent = self._unsent, []
        error = None if connecting.cancelled() else connecting.exception()
        if connecting.cancelled() or error is not None:
            failure = error if isinstance(error, Exception) else ConnectionAbortedError()
            for _, on_reply, _ in unsent:
                on_reply(failure)
            return
        self._protocol = connecting.result()
        for command, on_reply, replicas in unsent:
            self._protocol.send(command, on_reply, replicas=replicas)
