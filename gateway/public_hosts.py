"""Serves pages only under the installation's public origins, and with HSTS where they have TLS."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.http.body import Message, Receive
from gateway.http.message import Header
from gateway.origins import HTTPS, PublicOrigins

Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

MISDIRECTED: Final = 421
NOT_OURS: Final = (
    b"This service has another address. Check the link, or open the address that the service "
    b"publishes. Operators set it with SWAPGATE_PUBLIC_URL.\n"
)
OF_ANY_HOST: Final = frozenset(
    {"/healthz", "/healthz/dependencies", "/readyz", "/metrics", "/openapi.json"}
)
OF_ANY_HOST_BELOW: Final = ("/v1/", "/api/", "/rates/")
"""What programs call, by whatever name their network has for us: it contains no link."""
_REJECTION: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(NOT_OURS)),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def hsts_header(*, with_subdomains: bool = False) -> Header:
    """Return HSTS of a year (RFC 6797); subdomains may belong to other services."""
    suffix = b"; includeSubDomains" if with_subdomains else b""
    return b"strict-transport-security", b"max-age=31536000" + suffix


class PublicHosts:
    """An ASGI application around the one that serves the pages.

    A page for an unknown Host gets status 421 (RFC 9110, 15.5.20), so no response repeats a name
    that a caller made up. The API is called by any name: its signature does not cover Host. What
    does not exist is not found under any name.
    """

    def __init__(
        self,
        application: Application,
        origins: PublicOrigins,
        *,
        exists: Callable[[bytes], bool],
        hsts: Header,
    ) -> None:
        """`exists` tells whether there is a route at a path; `hsts` is sent with TLS."""
        self.application = application
        self._origins = origins
        self._exists = exists
        self._hsts = hsts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection event."""
        if scope["type"] != "http" or _is_of_any_host(scope["path"].lower()):
            await self.application(scope, receive, send)
            return
        origin = self._origins.of(dict(scope["headers"]).get(b"host"))
        if origin is None and self._has_page(scope):
            start = {"type": "http.response.start", "status": MISDIRECTED}
            await send(start | {"headers": list(_REJECTION)})
            await send({"type": "http.response.body", "body": NOT_OURS, "more_body": False})
        elif origin is not None and origin.startswith(HTTPS):
            await self.application(scope, receive, _with_header(send, self._hsts))
        else:
            await self.application(scope, receive, send)

    def _has_page(self, scope: Any) -> bool:
        return self._exists(scope["raw_path"]) or self._exists(scope["path"].encode())


def _is_of_any_host(path: str) -> bool:
    return path in OF_ANY_HOST or path.startswith(OF_ANY_HOST_BELOW)


def _with_header(send: Send, header: Header) -> Send:
    async def with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        await send(message)

    return with_header
