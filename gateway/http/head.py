"""What is refused for a request's head alone: framing, Host, and paths that nothing can be at."""

from collections.abc import MutableMapping
from typing import Any

from gateway.errors import INVALID_REQUEST, NOT_FOUND, ErrorResponse

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
UNKNOWN_METHOD = "UNKNOWN"
"""What any other method goes by: the router remembers each name it has ever seen."""
MAX_PATH_LENGTH = 2048

Scope = MutableMapping[str, Any]
Headers = dict[bytes, bytes]


class RejectedRequest(Exception):
    """A request that is not read on; `answer` says why."""

    def __init__(self, answer: ErrorResponse) -> None:
        super().__init__(answer.msg)
        self.answer = answer


def headers_of(given: list[tuple[bytes, bytes]]) -> Headers:
    """Return ASGI's headers by their names, which are in lower case.

    The values of one that is sent several times are joined by line feeds, which no header holds:
    whoever checks a value's shape refuses it then.
    """
    by_name: Headers = dict(given)
    if len(by_name) != len(given):
        by_name = {}
        for name, value in given:
            by_name[name] = by_name[name] + b"\n" + value if name in by_name else value
    return by_name


def forwarded_for(sent: Headers) -> str | None:
    """Return X-Forwarded-For, in one line however many headers it came in; None without any."""
    forwarded = sent.get(b"x-forwarded-for")
    return None if forwarded is None else forwarded.decode("latin-1").replace("\n", ",")


def body_length(scope: Scope, headers: Headers) -> int | None:
    """Return Content-Length; 0 where there is no body, None for a chunked one.

    Raises Refused for framing that RFC 9112 has refused. Granian passes on any transfer coding and
    any number of hosts. Where Content-Length comes with Transfer-Encoding it hides the former and
    closes the connection after the answer.
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
    """Raise Refused for a path that can't be anywhere, and give odd methods one name."""
    path = scope["raw_path"]
    if not 0 < len(path) <= MAX_PATH_LENGTH or not path.isascii():
        raise RejectedRequest(NOT_FOUND)
    if scope["method"] not in METHODS:
        scope["method"] = UNKNOWN_METHOD
