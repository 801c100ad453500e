"""Responses that close their connection (RFC 9112, 9.6)."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.http.body import Message
from gateway.http.message import Header

Send = Callable[[Message], Awaitable[None]]

START: Final = "http.response.start"
CLOSE: Final[Header] = (b"connection", b"close")


def closing(send: Send) -> Send:
    """Return a `send` that has the connection closed after the response."""

    async def send_closing(message: Message) -> None:
        if message["type"] == START and CLOSE not in message["headers"]:
            message["headers"] = [*message["headers"], CLOSE]
        await send(message)

    return send_closing
