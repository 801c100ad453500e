"""Reads a request's body before the application does, with limits on its size and duration.

Granian limits neither, and BlackSheep buffers a body of any size.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gateway.codec import MAX_BODY_BYTES
from gateway.errors import INVALID_REQUEST, TIMED_OUT, TOO_LARGE
from gateway.http.head import RejectedRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

TICKS_PER_DEADLINE: Final = 16


class BodyReader:
    """Reads bodies, each within a deadline.

    A timer per body would cost as much as decoding, pricing and encoding a quote. Instead, while
    any body is being read, one timer ticks and cancels those that are late.
    """

    def __init__(self, deadline_seconds: float) -> None:
        """Allow each body `deadline_seconds`, and up to a sixteenth more."""
        self._tick_seconds = deadline_seconds / TICKS_PER_DEADLINE
        self._tick = 0
        self._is_ticking = False
        self._reading: dict[asyncio.Task[Any], int] = {}

    async def read(self, length: int | None, receive: Receive) -> bytes:
        """Return the whole body of `length` bytes, or of a chunked request (None).

        Raises RejectedRequest for a body that is too large, too slow, malformed or incomplete.
        """
        if length == 0:
            return b""
        if length is not None and length > MAX_BODY_BYTES:
            raise RejectedRequest(TOO_LARGE)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a body must be read in a task")
        self._reading[task] = self._tick
        if not self._is_ticking:
            self._schedule_tick(task.get_loop())
        try:
            message = await receive()
            body: bytes = message.get("body", b"")
            if len(body) == length:  # Granian always sets `more_body`, also after the last byte
                return body
            return await _collect(message, length, receive)
        except asyncio.CancelledError:
            if task in self._reading:
                raise
            task.uncancel()
            raise RejectedRequest(TIMED_OUT) from None
        finally:
            self._reading.pop(task, None)

    def _schedule_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_ticking = True
        loop.call_later(self._tick_seconds, self._cancel_late, loop)

    def _cancel_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_ticking = False
        self._tick += 1
        late = [
            task for task, since in self._reading.items() if self._tick - since > TICKS_PER_DEADLINE
        ]
        for task in late:
            del self._reading[task]
            task.cancel()
        if self._reading:
            self._schedule_tick(loop)


async def _collect(message: Message, length: int | None, receive: Receive) -> bytes:
    parts: list[bytes] = [message.get("body", b"")]
    size = len(parts[0])
    while True:
        if message["type"] == "http.disconnect":
            # The client has disconnected, or sent malformed chunks: then it can still be answered.
            raise RejectedRequest(INVALID_REQUEST)
        if size > MAX_BODY_BYTES:
            raise RejectedRequest(TOO_LARGE)
        if size == length or not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns the whole `body`, then whatever `receive` returns."""
    replayed = False

    async def next_message() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
