"""The Valkey protocol (RESP2) of one connection on which a script is called."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from valkey.exceptions import ValkeyError

TIMEOUT_SECONDS: Final = 1.5
POLL_INTERVAL_SECONDS: Final = 0.25
"""How often to check for an overdue reply, while any is outstanding."""

ACKNOWLEDGED_MS: Final = 500
"""How long to wait for replicas."""

OnReply = Callable[[bytes | Exception], None]
"""Receives the string that a script returns, or an exception."""


class NotReplicated(ValkeyError):
    """The script has run, but fewer replicas than required have acknowledged what it wrote."""


class _Call(NamedTuple):
    """A command that was sent, and the callback for its reply; `replicas` must acknowledge it."""

    sent_at: float
    command: bytes
    on_reply: OnReply
    is_repeated: bool
    replicas: int


class ScriptProtocol(asyncio.Protocol):
    """Sends calls of a script, pipelined, and parses replies that are strings or errors.

    It takes over a connection that is already authenticated. After any error the connection is
    closed, so that a reply can never be attributed to another call.
    """

    def __init__(self, transport: asyncio.Transport, script: str) -> None:
        self._transport = transport
        self._previous = transport.get_protocol()
        self._load = (
            b"*3\r\n" + bulk_string(b"SCRIPT") + bulk_string(b"LOAD") + bulk_string(script.encode())
        )
        self._outstanding: deque[_Call] = deque()
        self._replied: bytes | Exception | None = None
        self._unparsed = b""
        self._is_polling = False
        self.closed = False
        transport.set_protocol(self)

    def send(
        self, command: bytes, on_reply: OnReply, *, is_repeated: bool = False, replicas: int = 0
    ) -> None:
        """Send an EVALSHA; `on_reply` receives the string, or an exception.

        It is repeated once if the server has lost the script, unless `is_repeated`. The exception
        is NotReplicated where fewer than `replicas` have acknowledged it in time.
        """
        loop = asyncio.get_running_loop()
        self._outstanding.append(_Call(loop.time(), command, on_reply, is_repeated, replicas))
        self._transport.write(command + _wait_for(replicas) if replicas else command)
        if not self._is_polling:
            self._is_polling = True
            loop.call_later(POLL_INTERVAL_SECONDS, self._poll, loop)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        unparsed = self._unparsed + data if self._unparsed else data
        position = 0
        while (end := unparsed.find(b"\r\n", position)) >= 0:
            head = unparsed[position:end]
            if head.startswith(b"$") and head[1:].isdigit():
                start, end = end + 2, end + 2 + int(head[1:])
                if len(unparsed) < end + 2:
                    break
                self._handle(unparsed[start:end])
            elif head.startswith(b"-"):
                self._handle(ValkeyError(head[1:].decode("latin-1")))
            elif head.startswith(b":") and self._replied is not None:
                self._handle_acknowledgments(int(head[1:]))
            else:
                self._abort(ValkeyError(f"an unexpected reply: {head!r}"))
                return
            position = end + 2
        self._unparsed = unparsed[position:]

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._abort(exc or ConnectionResetError("Valkey closed the connection"))
        self._previous.connection_lost(exc)  # the client may be waiting for it

    def _handle(self, reply: bytes | Exception) -> None:
        if not self._outstanding:
            self._abort(ValkeyError("a reply without a call"))
            return
        call = self._outstanding[0]
        if call.replicas:
            if self._replied is None:  # the reply to WAIT follows
                self._replied = reply
            else:
                self._handle_acknowledgments(0)
            return
        self._outstanding.popleft()
        self._finish(call, reply)

    def _handle_acknowledgments(self, replicas: int) -> None:
        call, reply, self._replied = self._outstanding.popleft(), self._replied, None
        if isinstance(reply, bytes) and replicas < call.replicas:
            reply = NotReplicated(f"{replicas} of {call.replicas} replicas acknowledged it")
        if reply is not None:
            self._finish(call, reply)

    def _finish(self, call: _Call, reply: bytes | Exception) -> None:
        script_lost = isinstance(reply, ValkeyError) and str(reply).startswith("NOSCRIPT")
        if script_lost and not call.is_repeated:
            self.send(self._load, _ignore, is_repeated=True)
            self.send(call.command, call.on_reply, is_repeated=True, replicas=call.replicas)
        else:
            call.on_reply(reply)

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_polling = bool(self._outstanding)
        if not self._outstanding:
            return
        if loop.time() - self._outstanding[0].sent_at > TIMEOUT_SECONDS:
            self._abort(TimeoutError("no reply from Valkey in time"))
        else:
            loop.call_later(POLL_INTERVAL_SECONDS, self._poll, loop)

    def _abort(self, error: Exception) -> None:
        self.closed = True
        self._transport.abort()
        outstanding, self._outstanding = self._outstanding, deque()
        for call in outstanding:
            call.on_reply(error)


def bulk_string(value: bytes) -> bytes:
    """Return a value encoded as a RESP bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


@cache
def _wait_for(replicas: int) -> bytes:
    arguments = (b"WAIT", b"%d" % replicas, b"%d" % ACKNOWLEDGED_MS)
    return b"*3\r\n" + b"".join(map(bulk_string, arguments))


def _ignore(_: bytes | Exception) -> None:
    """Ignore the reply to SCRIPT LOAD: the call after it fails if loading did."""
