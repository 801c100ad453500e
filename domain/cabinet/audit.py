"""Entries of the cabinet's audit log: who did what, when and from which address."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

MAX_DETAIL_LENGTH: Final = 300


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change made by a team member. Entries are append-only.

    `action` is a short phrase in the past tense: "Rotated the apiSecret". `detail` identifies the
    object of the action (a code, an email address, a URL); it never contains a secret.
    """

    id: UUID
    partner_id: UUID
    member_id: UUID
    email: str
    at: datetime
    address: str
    action: str
    detail: str


def shortened(detail: str) -> str:
    """Return a detail on one line, without control characters, truncated to its maximum length."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in detail).split())
    return plain if len(plain) <= MAX_DETAIL_LENGTH else f"{plain[: MAX_DETAIL_LENGTH - 1]}…"
