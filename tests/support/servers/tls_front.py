"""TLS in front of a PostgreSQL server that has none: the embedded one is built without it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

TLS_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
"""SSLRequest of PostgreSQL's protocol, the first message of a client that wants TLS."""


class TlsFront:
    """Accepts connections with TLS, and counts them; it refuses all others."""

    def __init__(self, server: Path, certificate: Path) -> None:
        """`server` is the Unix socket behind it; `certificate` has the key, too."""
        self._server = server
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self.port = 0
        self.accepted = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(TLS_REQUEST)) == TLS_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._tls)
                self.accepted += 1
                behind, to_server = await asyncio.open_unix_connection(str(self._server))
                await asyncio.gather(_copy(reader, to_server), _copy(behind, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
