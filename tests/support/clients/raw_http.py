"""HTTP/1.1 on a plain socket, for requests that no client library sends."""

import hashlib
import hmac
import json
import secrets
import socket
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from tests.support.clients.partner import Partner

TIMEOUT_SECONDS = 20.0


class Reply(msgspec.Struct, frozen=True):
    """A response as received; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Exchange(msgspec.Struct, frozen=True):
    """The responses on a connection, up to a number of them or until the server closed it."""

    replies: list[Reply]
    closed: bool

    @property
    def only(self) -> Reply:
        assert len(self.replies) == 1, self.replies
        return self.replies[0]


class Connection:
    """One connection to the service."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self._socket = socket.create_connection(
            (str(address.hostname), int(address.port or 0)), TIMEOUT_SECONDS
        )
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send until the server closes the connection."""
        try:
            self._socket.sendall(data)
        except OSError:
            return

    def reply(self, *, to_head: bool = False) -> Reply | None:
        """Return the next response, or None if the server has closed the connection."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                return None
        head, _, rest = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        length = 0 if to_head else int(headers.get("content-length", 0))
        while len(rest) < length:
            assert self._receive(), "closed within a response"
            rest = self._received.partition(b"\r\n\r\n")[2]
        self._received = rest[length:]
        return Reply(int(first.split()[1]), headers, rest[:length])

    def is_closed(self) -> bool:
        """Return whether the server closes the connection before it sends anything else."""
        return not self._receive()

    def _receive(self) -> bool:
        try:
            chunk = self._socket.recv(65536)
        except ConnectionResetError:
            return False
        self._received += chunk
        return bool(chunk)


def exchange(base_url: str, data: bytes, *, count: int = 1, to_head: bool = False) -> Exchange:
    """Send `data`; return up to `count` responses, and whether the server closed before them."""
    with Connection(base_url) as connection:
        connection.send(data)
        replies: list[Reply] = []
        while len(replies) < count:
            reply = connection.reply(to_head=to_head)
            if reply is None:
                return Exchange(replies, closed=True)
            replies.append(reply)
        return Exchange(replies, closed=False)


def post(
    path: bytes | str = b"/v1/price",
    body: bytes = b"{}",
    *headers: bytes,
    method: bytes = b"POST",
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"Host: swapgate",
    length: bool = True,
) -> bytes:
    """Return a request's bytes; `headers` are whole lines."""
    target = path.encode() if isinstance(path, str) else path
    lines = [method + b" " + target + b" " + version]
    lines += [] if host is None else [host]
    lines += headers
    lines += [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(path: str, chunks: bytes, *headers: bytes) -> bytes:
    """Return a chunked request's bytes."""
    return post(path, chunks, b"Transfer-Encoding: chunked", *headers, length=False)


def is_enveloped(reply: Reply, status: int, document: dict[str, object]) -> None:
    """Assert that a response is the error envelope with its headers."""
    assert (reply.status, reply.json()) == (status, document)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert 1 <= len(reply.headers["x-request-id"]) <= 64


def is_bare(reply: Reply, status: int) -> None:
    """Assert that a response has no body and closes the connection."""
    assert (reply.status, reply.body) == (status, b"")
    assert reply.headers["connection"] == "close"


def signed(partner: Partner, body: bytes, **changes: bytes) -> dict[str, bytes]:
    """Return the headers of a signed call; `changes` replace some of them."""
    sign = hmac.new(partner.api_secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-API-KEY": partner.api_key.encode(),
        "X-API-SIGN": sign.encode(),
        "X-API-NONCE": secrets.token_urlsafe(24).encode(),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }


def lines(headers: dict[str, bytes]) -> list[bytes]:
    """Return headers as lines of a request."""
    return [name.encode() + b": " + value for name, value in headers.items()]
