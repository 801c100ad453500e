"""Show emails that the sandbox has written instead of sending them."""

from collections.abc import Sequence
from typing import Final, Protocol

from domain.cabinet.mail import StoredMail

MAX_MAILS: Final = 200


class Mailbox(Protocol):
    """Emails that were written instead of being sent."""

    def newest(self, *, limit: int) -> Sequence[StoredMail]:
        """Return the newest emails, newest first."""


def list_mail(mailbox: Mailbox, *, to: str | None, limit: int) -> Sequence[StoredMail]:
    """Return the newest emails, newest first: all, or those to one address."""
    found = mailbox.newest(limit=MAX_MAILS)
    wanted = [one for one in found if to is None or one.mail.to == to.strip().lower()]
    return wanted[:limit]
