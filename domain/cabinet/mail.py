"""Emails to members, and what sends them."""

from datetime import datetime
from typing import Protocol

import msgspec


class Mail(msgspec.Struct, frozen=True):
    """A plain-text email to one recipient. The text may contain a secret link."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        """Hide the text."""
        return f"Mail(to={self.to!r}, subject={self.subject!r})"


class StoredMail(msgspec.Struct, frozen=True):
    """An email that the sandbox wrote to a file instead of sending it."""

    at: datetime
    mail: Mail


class MailTransport(Protocol):
    """Sends emails."""

    async def send(self, mail: Mail) -> None:
        """Return once the email was accepted for delivery; raise Unavailable otherwise."""
