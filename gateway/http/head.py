"""Checks of a request's head: framing, Host, and paths that no route can match."""

from collections.abc import MutableMapping
from typing import Any, Final

from gateway.errors import INVALID_REQUEST, NOT_FOUND, ErrorResponse
from gateway.http.message import RequestHeaders

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
UNKNOWN_METHOD: Final = "UNKNOWN"
"""Replaces any other method: the router keeps an entry for every method name it receives."""
MAX_PATH_LENGTH: Final = 2048

Scope = MutableMapping[str, Any]


class RejectedRequest(Exception):
    """A request that is rejected before it is read in full; the connection is closed after it."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.msg)
        self.response = response


def body_length(scope: Scope, headers: RequestHeaders) -> int | None:
    """Return Content-Length; 0 where there is no body, None for a chunked body.

    Raises RejectedRequest for framing that RFC 9112 forbids: Granian accepts any transfer coding
    and several Host headers. For a request with both Content-Length and Transfer-Encoding it
    removes the former, and closes the connection after the response.
    """
    host = headers.get(b"host")
    if b"\n" in host if host else scope["http_version"] == "1.1":
        raise RejectedRequest(INVALID_REQUEST)
    coding = headers.get(b"transfer-encoding")
    if coding is not None:
        if coding.lower() != b"chunked":
            raise RejectedRequest(INVALID_REQUEST)
        return None
    length = headers.get(b"content-length")
    if length is None:
        return 0
    if not length.isdigit():
        raise RejectedRequest(INVALID_REQUEST)
    return int(length)


def check_target(scope: Scope) -> None:
    """Raise RejectedRequest for a path that no route can match; replace an unknown method."""
    path = scope["raw_path"]
    if not 0 < len(path) <= MAX_PATH_LENGTH or not path.isascii():
        raise RejectedRequest(NOT_FOUND)
    if scope["method"] not in METHODS:
        scope["method"] = UNKNOWN_METHOD
