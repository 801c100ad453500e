"""Requests to an application in this process, as Granian passes them on."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from gateway.asgi import AsgiMiddleware
from tests.support.clients.visitor import PageResponse

HOST = "x"
"""The host of the public origin that the settings need."""


async def request(
    application: AsgiMiddleware,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    client: str = "10.0.0.1",
) -> PageResponse:
    """Return the response to a request whose path and query are `target`."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    path, _, query = target.partition("?")
    fields = {"host": HOST, "content-length": str(len(body)), **(headers or {})}
    await application(
        {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": (client, 4000),
            "headers": [(name.lower().encode(), text.encode()) for name, text in fields.items()],
        },
        receive,
        send,
    )
    begun, *rest = sent
    received = [(name.decode().lower(), value.decode()) for name, value in begun["headers"]]
    return PageResponse(
        begun["status"],
        dict(received),
        b"".join(one["body"] for one in rest).decode(errors="replace"),
        [value for name, value in received if name == "set-cookie"],
    )
