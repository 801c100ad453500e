"""A mail server over TLS with a certificate of its own, which stores what it receives."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from feeds.mail.smtp import MailServer


class ReceivingMailServer:
    """Accepts every email, unless `rejects` is set. `tls` trusts its certificate."""

    def __init__(self, directory: Path, *, starttls: bool) -> None:
        self.starttls = starttls
        self.received: list[EmailMessage] = []
        self.logins: list[str] = []
        self.commands: list[str] = []
        self.rejects = False
        self.port = 0
        certificate, key = _certificate(directory)
        self._own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own.load_cert_chain(certificate, key)
        self.tls = ssl.create_default_context(cafile=str(certificate))

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


def _certificate(directory: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate of 127.0.0.1 and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
