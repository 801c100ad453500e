"""A mail server over TLS with a certificate of its own authority, which stores what it receives."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from feeds.mail.smtp import MailServer
from tests.support.servers.authority import Authority


class ReceivingMailServer:
    """Accepts every email, unless `rejects` is set. `tls` trusts its authority."""

    def __init__(self, directory: Path, *, starttls: bool) -> None:
        self.starttls = starttls
        self.received: list[EmailMessage] = []
        self.logins: list[str] = []
        self.commands: list[str] = []
        self.rejects = False
        self.port = 0
        authority = Authority(directory)
        self._own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own.load_cert_chain(authority.certificate_of("127.0.0.1"))
        self.tls = ssl.create_default_context(cafile=str(authority.file))

    def login(self) -> MailServer:
        """Return how to send through this server."""
        return MailServer(
            host="127.0.0.1",
            port=self.port,
            starttls=self.starttls,
            username="swap",
            password="secret",
            sender="swap@swap.example",
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        tls = None if self.starttls else self._own
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure = not self.starttls
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            self.commands.append(f"{verb} {'encrypted' if secure else 'plain'}")
            if verb == "EHLO":
                offer = b"250 AUTH PLAIN\r\n" if secure else b"250 STARTTLS\r\n"
                writer.write(b"250-swap\r\n" + offer)
            elif verb == "STARTTLS":
                writer.write(b"220 go ahead\r\n")
                await writer.drain()
                await writer.start_tls(self._own)
                secure = True
            elif verb == "AUTH":
                self.logins.append(line.split()[2])
                writer.write(b"235 welcome\r\n")
            elif verb == "DATA" and not self.rejects:
                writer.write(b"354 go ahead\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                message = message_from_bytes(content[:-3], policy=default)
                assert isinstance(message, EmailMessage)
                self.received.append(message)
                writer.write(b"250 stored\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"451 later\r\n" if self.rejects else b"250 fine\r\n")
        writer.close()
