"""Reads request bodies before anybody else does, bounded in bytes and in time.

Granian has no limit of either, and BlackSheep buffers whatever comes.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.codec import MOST_BODY_BYTES
from gateway.errors import INVALID_REQUEST, TIMED_OUT, TOO_LARGE, Answer
from gateway.request_id import new_request_id

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


class Refused(Exception):
    """A body that is not read on; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.msg)
        self.answer = answer


class ClientGone(Exception):
    """The client closed the connection before its body was complete."""


class BodyGuard:
    """An ASGI application that hands another one complete bodies only."""

    def __init__(self, application: Application, *, deadline_seconds: float) -> None:
        self._application = application
        self._deadline = deadline_seconds

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            body = await self._read(scope["headers"], receive)
        except Refused as refused:
            await _answer(refused.answer, send)
            return
        except ClientGone:
            return
        await self._application(scope, _replay(body, receive), send)

    async def _read(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
        length = _announced_length(headers)
        if length == 0:
            return b""
        if length is not None and length > MOST_BODY_BYTES:
            raise Refused(TOO_LARGE)
        try:
            async with asyncio.timeout(self._deadline):
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
            raise ClientGone
        if size > MOST_BODY_BYTES:
            raise Refused(TOO_LARGE)
        if size == length or not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])


def _announced_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return Content-Length; 0 where there is no body, None for a chunked one."""
    length = 0
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise Refused(INVALID_REQUEST)
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _answer(answer: Answer, send: Send) -> None:
    body = answer.body()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", new_request_id()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
