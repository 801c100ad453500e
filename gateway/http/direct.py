"""Handlers that the ASGI application calls directly, without the web framework's routing."""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from gateway.http.message import RequestHeaders, Response


class DirectHandler(Protocol):
    """Returns the response to a request whose head was checked and whose body was read.

    Requests with a query string are not passed to it.
    """

    def __call__(
        self, headers: RequestHeaders, body: bytes, /, *, peer: str
    ) -> Awaitable[Response]:
        """`peer` is the address at the other end of the connection."""


DirectHandlers = Mapping[tuple[str, bytes], DirectHandler]
"""By method and raw path."""
