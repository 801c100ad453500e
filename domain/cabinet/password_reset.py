"""Password resets: single-use links sent by email."""

import hashlib
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.cabinet.mail import Mail

LIFETIME: Final = timedelta(minutes=30)
"""How long a link is valid after it was sent, and how long sending it is attempted."""
KEPT: Final = timedelta(days=1)
"""How long a request is stored."""
PATH: Final = "/partner/reset/choose"


class ResetToSend(msgspec.Struct, frozen=True, kw_only=True):
    """A requested link that is about to be sent. `address` is the client's that requested it."""

    id: UUID
    member_id: UUID
    partner_id: UUID
    email: str
    address: str


def reset_hash(token: str) -> str:
    """Return the stored hash of a link's token: 256 random bits need no slow hash or salt."""
    return hashlib.sha256(b"password reset " + token.encode()).hexdigest()


def reset_mail(email: str, token: str, *, public_url: str, service: str) -> Mail:
    """Return the email with the link, which leads to the configured public address."""
    minutes = int(LIFETIME.total_seconds()) // 60
    return Mail(
        to=email,
        subject=f"Reset your {service} password",
        text=(
            f"A new password was requested for {email}, for the partner dashboard of {service}.\n"
            "\n"
            f"To choose one, open this link within {minutes} minutes. It works once.\n"
            "\n"
            f"{public_url}{PATH}?token={token}\n"
            "\n"
            "If you did not request it, ignore this email: your password has not changed.\n"
        ),
    )
