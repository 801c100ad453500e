"""What people have done in a cabinet: who, when, from where, what."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

MAX_DETAIL_LENGTH: Final = 300


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change that somebody has made. Entries are only ever added.

    `what` is a few words of ours, in the past tense: "Rotated the apiSecret". `about` names what of
    several it was: a code, an e-mail address, a URL; never a secret.
    """

    id: UUID
    partner_id: UUID
    member_id: UUID
    email: str
    at: datetime
    address: str
    what: str
    about: str


def shortened(about: str) -> str:
    """Return what an entry is about in its room, in one line."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in about).split())
    return plain if len(plain) <= MAX_DETAIL_LENGTH else f"{plain[: MAX_DETAIL_LENGTH - 1]}…"
