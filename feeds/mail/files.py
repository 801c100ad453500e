"""Emails as files of one directory, which the sandbox writes instead of sending them."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from domain.cabinet.mail import Mail, StoredMail
from feeds.mail.smtp import message_of

SENDER: Final = "swapgate@sandbox.example"
MAX_FILES: Final = 200
"""The oldest files beyond this number are removed."""


class MailDirectory:
    """MailTransport that writes files, named by ids that sort by time; mode 0600."""

    def __init__(
        self, directory: Path, *, now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._directory = directory
        self._now = now
        self._new_id = new_id

    async def send(self, mail: Mail) -> None:
        """See MailTransport."""
        content = message_of(mail, sender=SENDER, at=self._now()).as_bytes()
        await asyncio.to_thread(self._write, f"{self._new_id()}.eml", content)

    def newest(self, *, limit: int) -> Sequence[StoredMail]:
        """Return the newest emails, newest first."""
        names = sorted(self._directory.glob("*.eml"), reverse=True)[:limit]
        return [_stored(path.read_bytes()) for path in names]

    def _write(self, name: str, content: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._directory / f".{name}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.rename(self._directory / name)
        for old in sorted(self._directory.glob("*.eml"), reverse=True)[MAX_FILES:]:
            old.unlink(missing_ok=True)


def _stored(content: bytes) -> StoredMail:
    message = message_from_bytes(content, policy=default)
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    mail = Mail(str(message["To"]), str(message["Subject"]), text)
    return StoredMail(parsedate_to_datetime(message["Date"]), mail)
