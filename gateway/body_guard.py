"""Reads a request's body before anybody else does, bounded in bytes and in time.

Granian has no limit of either, and BlackSheep buffers whatever comes.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.codec import MOST_BODY_BYTES
from gateway.errors import INVALID_REQUEST, TIMED_OUT, TOO_LARGE
from gateway.request_head import Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


async def read_body(length: int | None, receive: Receive, *, deadline_seconds: float) -> bytes:
    """Return the whole body of `length` bytes, or of a chunked request (None).

    Raises Refused for one that is too long, takes too long, breaks its framing or breaks off.
    """
    if length == 0:
        return b""
    if length is not None and length > MOST_BODY_BYTES:
        raise Refused(TOO_LARGE)
    try:
        async with asyncio.timeout(deadline_seconds):
            return await _collect(length, receive)
    except TimeoutError:
        raise Refused(TIMED_OUT) from None


async def _collect(length: int | None, receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if len(body) == length:  # Granian always announces more; there is none
        return body
    parts, size = [body], len(body)
    while True:
        if message["type"] == "http.disconnect":
            # The client has gone, or sends chunks that aren't any: then it can still be told.
            raise Refused(INVALID_REQUEST)
        if size > MOST_BODY_BYTES:
            raise Refused(TOO_LARGE)
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
