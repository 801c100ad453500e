"""What one connection to Valkey says and hears while a script is called on it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from valkey.exceptions import ValkeyError

DEADLINE_SECONDS: Final = 1.5
POLL_INTERVAL_SECONDS: Final = 0.25
"""How often it is looked whether an answer is overdue, while any is awaited."""

Answered = Callable[[bytes | Exception], None]


class _Awaited(NamedTuple):
    """A command that was sent, and who is told of its answer."""

    sent_at: float
    command: bytes
    answered: Answered
    again: bool


class ScriptProtocol(asyncio.Protocol):
    """Calls a script, one call behind another, and hears strings and errors.

    Takes over a connection that somebody else has made ready. Whatever goes wrong, it is given up,
    so that an answer can't be taken for another's.
    """

    def __init__(self, transport: asyncio.Transport, script: str) -> None:
        self._transport = transport
        self._former = transport.get_protocol()
        self._load = b"*3\r\n" + bulk(b"SCRIPT") + bulk(b"LOAD") + bulk(script.encode())
        self._awaited: deque[_Awaited] = deque()
        self._received = b""
        self._looking = False
        self.closed = False
        transport.set_protocol(self)

    def send(self, command: bytes, answered: Answered, *, again: bool = False) -> None:
        """Send an EVALSHA; `answered` gets the string, or what went wrong.

        It is sent again where the script was lost, unless this is `again`.
        """
        loop = asyncio.get_running_loop()
        self._awaited.append(_Awaited(loop.time(), command, answered, again))
        self._transport.write(command)
        if not self._looking:
            self._looking = True
            loop.call_later(POLL_INTERVAL_SECONDS, self._look, loop)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        received = self._received + data if self._received else data
        position = 0
        while (end := received.find(b"\r\n", position)) >= 0:
            head = received[position:end]
            if head.startswith(b"$") and head[1:].isdigit():
                start, end = end + 2, end + 2 + int(head[1:])
                if len(received) < end + 2:
                    break
                self._take(received[start:end])
            elif head.startswith(b"-"):
                self._take(ValkeyError(head[1:].decode("latin-1")))
            else:
                self._give_up(ValkeyError(f"an answer that nobody asked for: {head!r}"))
                return
            position = end + 2
        self._received = received[position:]

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._give_up(exc or ConnectionResetError("Valkey has ended the connection"))
        self._former.connection_lost(exc)  # somebody may wait for it to know

    def _take(self, answer: bytes | Exception) -> None:
        if not self._awaited:
            self._give_up(ValkeyError("an answer that nobody waits for"))
            return
        awaited = self._awaited.popleft()
        lost = isinstance(answer, ValkeyError) and str(answer).startswith("NOSCRIPT")
        if lost and not awaited.again:
            self.send(self._load, _ignore, again=True)
            self.send(awaited.command, awaited.answered, again=True)
        else:
            awaited.answered(answer)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = bool(self._awaited)
        if not self._awaited:
            return
        if loop.time() - self._awaited[0].sent_at > DEADLINE_SECONDS:
            self._give_up(TimeoutError("Valkey hasn't answered in time"))
        else:
            loop.call_later(POLL_INTERVAL_SECONDS, self._look, loop)

    def _give_up(self, error: Exception) -> None:
        self.closed = True
        self._transport.abort()
        awaited, self._awaited = self._awaited, deque()
        for one in awaited:
            one.answered(error)


def bulk(value: bytes) -> bytes:
    """Return a value as the protocol has it in a command."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def _ignore(_: bytes | Exception) -> None:
    """Leave it to the call that follows to find out."""
