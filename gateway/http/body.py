"""Reads a request's body before anybody else does, bounded in bytes and in time.

Granian has no limit of either, and BlackSheep buffers whatever comes.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gateway.codec import MAX_BODY_BYTES
from gateway.errors import INVALID_REQUEST, TIMED_OUT, TOO_LARGE
from gateway.http.head import RejectedRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

CHECKS_PER_DEADLINE: Final = 16
"""How often the deadline is looked at while a body takes that long."""


class BodyReader:
    """Reads bodies, each within a deadline.

    A timer for each would cost as much as decoding, pricing and encoding a quote: instead, while
    any body is being read, all are looked at now and then.
    """

    def __init__(self, deadline_seconds: float) -> None:
        """Give each body `deadline_seconds`, and up to a sixteenth more."""
        self._look_seconds = deadline_seconds / CHECKS_PER_DEADLINE
        self._look = 0
        self._looking = False
        self._reading: dict[asyncio.Task[Any], int] = {}

    async def read(self, length: int | None, receive: Receive) -> bytes:
        """Return the whole body of `length` bytes, or of a chunked request (None).

        Raises Refused for one that is too long, takes too long, breaks its framing or breaks off.
        """
        if length == 0:
            return b""
        if length is not None and length > MAX_BODY_BYTES:
            raise RejectedRequest(TOO_LARGE)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a body is read outside of a task")
        self._reading[task] = self._look
        if not self._looking:
            self._look_again(task.get_loop())
        try:
            message = await receive()
            body: bytes = message.get("body", b"")
            if len(body) == length:  # Granian always announces more; there is none
                return body
            return await _collect(message, length, receive)
        except asyncio.CancelledError:
            if task in self._reading:
                raise
            task.uncancel()
            raise RejectedRequest(TIMED_OUT) from None
        finally:
            self._reading.pop(task, None)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = True
        loop.call_later(self._look_seconds, self._look_at_all, loop)

    def _look_at_all(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = False
        self._look += 1
        late = [
            task
            for task, since in self._reading.items()
            if self._look - since > CHECKS_PER_DEADLINE
        ]
        for task in late:
            del self._reading[task]
            task.cancel()
        if self._reading:
            self._look_again(loop)


async def _collect(message: Message, length: int | None, receive: Receive) -> bytes:
    parts: list[bytes] = [message.get("body", b"")]
    size = len(parts[0])
    while True:
        if message["type"] == "http.disconnect":
            # The client has gone, or sends chunks that aren't any: then it can still be told.
            raise RejectedRequest(INVALID_REQUEST)
        if size > MAX_BODY_BYTES:
            raise RejectedRequest(TOO_LARGE)
        if size == length or not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` at once, and then what `receive` gives."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
