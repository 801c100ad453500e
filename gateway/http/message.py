"""HTTP messages independent of the server: request headers by name, and a complete response."""

from collections.abc import Sequence
from typing import NamedTuple

Header = tuple[bytes, bytes]
"""A name, in lower case, and its value."""

RequestHeaders = dict[bytes, bytes]
"""The headers of a request by name, in lower case, as `request_headers` returns them."""


class Response(NamedTuple):
    """A complete response. Its headers include Content-Length wherever there is a body."""

    status: int
    headers: list[Header]
    body: bytes


def request_headers(headers: Sequence[Header]) -> RequestHeaders:
    """Return the headers of an ASGI scope by name.

    The values of a repeated header are joined by line feeds. No header value contains one, so a
    check of the value's format rejects a repeated header.
    """
    by_name: RequestHeaders = dict(headers)
    if len(by_name) != len(headers):
        by_name = {}
        for name, value in headers:
            by_name[name] = by_name[name] + b"\n" + value if name in by_name else value
    return by_name
