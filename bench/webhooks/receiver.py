"""`python -m bench.webhooks.receiver`: partners' endpoints in one process, which record deliveries.

Written from the contract: it verifies the signature, and records id, order and status. The path
decides how an endpoint behaves: `/ok/7` accepts every event, `/hang/7` never responds, `/drip/7`
responds with one byte per second. Each delivery is appended to a file as a line: seconds
(monotonic), endpoint, event id, SHA-256 of the body, order, status.
"""

import asyncio
import hashlib
import hmac
import signal
import sys
import time
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

FLUSH_SECONDS: Final = 0.2
ACCEPTED: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
REJECTED: Final = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
SLOW: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 3600\r\n\r\n"


class _Order(msgspec.Struct):
    id: str
    status: str


class _Body(msgspec.Struct):
    order: _Order


class Endpoint(asyncio.Protocol):
    """One connection. All endpoints share one secret."""

    def __init__(self, secret: bytes, log: list[str]) -> None:
        self._secret = secret
        self._log = log
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._dripping: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        del exc
        if self._dripping is not None:
            self._dripping.cancel()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            first, *lines = head.split(b"\r\n")
            pairs = (line.partition(b":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            length = int(headers[b"content-length"])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._receive(first.split()[1].decode(), headers, rest[:length])

    def _receive(self, path: str, headers: dict[bytes, bytes], body: bytes) -> None:
        if self._transport is None:
            return
        _, behavior, endpoint = path.split("/")
        if behavior == "hang":
            return
        expected = hmac.new(self._secret, body, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(expected, headers[b"x-partner-webhook-sign"]):
            self._transport.write(REJECTED)
            return
        order = msgspec.json.decode(body, type=_Body).order
        event_id = headers[b"x-partner-webhook-id"].decode()
        digest = hashlib.sha256(body).hexdigest()
        now = time.monotonic()
        self._log.append(f"{now:.6f} {endpoint} {event_id} {digest} {order.id} {order.status}\n")
        if behavior == "drip":
            self._transport.write(SLOW)
            self._drip()
        else:
            self._transport.write(ACCEPTED)

    def _drip(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b".")
            self._dripping = asyncio.get_running_loop().call_later(1.0, self._drip)


async def serve(secret: str, file: Path) -> None:
    """Print the port, then receive until SIGTERM."""
    log: list[str] = []
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(
        lambda: Endpoint(secret.encode(), log), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    with file.open("a") as output:
        while not stopped.is_set():
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await stopped.wait()
            except TimeoutError:
                pass
            output.writelines(log)
            output.flush()
            log.clear()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))
