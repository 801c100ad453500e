"""A client with one connection, and how it sees a response."""

import json
import select
import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tests.support.callers import LIMITED, UNAVAILABLE

TIMEOUT_SECONDS: Final = 20.0
NO_RESPONSE: Final = -1
INVALID: Final = -2
"""A response that is not the service's: not JSON where JSON is promised, or an unexpected page."""
PAGES: Final = {200: 0, 302: 0, 303: 0, 304: 0, 429: LIMITED, 503: UNAVAILABLE}
"""What the status of a page corresponds to among the codes of the API."""


class Reply(msgspec.Struct, frozen=True):
    """A response, or that there was none; `document` is its JSON."""

    code: int
    status: int = 0
    headers: dict[str, str] = {}
    document: Any = None

    @property
    def data(self) -> Any:
        return self.document["data"]


class Client:
    """Calls one after the other; a connection that fails is opened again for the next call."""

    def __init__(self, base_url: str, tls: ssl.SSLContext | None) -> None:
        host = urlsplit(base_url).netloc
        self._connection: HTTPConnection = (
            HTTPConnection(host, timeout=TIMEOUT_SECONDS)
            if tls is None
            else HTTPSConnection(host, timeout=TIMEOUT_SECONDS, context=tls)
        )

    def call(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Make a call of the API."""
        found = self._send("POST", path, body, {**headers, "Content-Type": "application/json"})
        if found is None:
            return Reply(NO_RESPONSE)
        status, received, content = found
        try:
            document = json.loads(content)
            code = int(document["code"])
        except (ValueError, KeyError, TypeError):
            return Reply(INVALID, status, received, content[:200].decode(errors="replace"))
        if code == LIMITED and "retry-after" not in received:
            return Reply(INVALID, status, received, document)
        return Reply(code, status, received, document)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """Read a page or a feed."""
        found = self._send("GET", path, b"", headers or {})
        if found is None:
            return Reply(NO_RESPONSE)
        status, received, content = found
        return Reply(PAGES.get(status, INVALID), status, received, content[:200].decode("latin-1"))

    def close(self) -> None:
        self._connection.close()

    def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes] | None:
        if is_closed(self._connection.sock):
            self._connection.close()
        try:
            self._connection.request(method, path, body or None, headers)
            response = self._connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return response.status, received, response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return None


def is_closed(connection: socket.socket | None) -> bool:
    """Return whether the server has closed an idle connection, which clients see before a call."""
    return connection is not None and bool(select.select([connection], [], [], 0)[0])
