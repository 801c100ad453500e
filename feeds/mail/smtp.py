"""Sends emails by SMTP (RFC 5321), always over TLS (RFC 8314, or STARTTLS of RFC 3207)."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

import msgspec

from domain.cabinet.mail import Mail
from domain.errors import Unavailable

TIMEOUT_SECONDS: Final = 20.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server; without a `username`, nobody logs in. `sender` is the From address."""

    host: str
    port: int
    starttls: bool
    username: str
    password: str
    sender: str

    def __repr__(self) -> str:
        """Hide the password."""
        return f"MailServer({self.host}:{self.port})"


class SmtpTransport:
    """MailTransport over SMTP, one connection per email. The server's certificate is verified."""

    def __init__(
        self,
        server: MailServer,
        *,
        now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._now = now
        self._tls = tls or ssl.create_default_context()

    async def send(self, mail: Mail) -> None:
        """See MailTransport."""
        message = message_of(mail, sender=self._server.sender, at=self._now())
        try:
            await asyncio.to_thread(self._send, message)
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable(f"no email sent by {self._server.host}: {error}") from error

    def _send(self, message: EmailMessage) -> None:
        with self._connected() as connection:
            if self._server.username:
                connection.login(self._server.username, self._server.password)
            connection.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        host, port = self._server.host, self._server.port
        if not self._server.starttls:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=self._tls)
        connection = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.starttls(context=self._tls)
        except BaseException:
            connection.close()
            raise
        return connection


def message_of(mail: Mail, *, sender: str, at: datetime) -> EmailMessage:
    """Return an email as it is sent (RFC 5322), marked as sent by a machine (RFC 3834)."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message
