"""Passkeys: a second factor that is bound to the address of the pages (W3C Web Authentication)."""

import base64
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidCommand
from domain.partners.credentials import Randomness
from domain.text import checked_text

CHALLENGE_BYTES: Final = 32
CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
MAX_PASSKEYS: Final = 10
"""Per member."""
MAX_NAME_LENGTH: Final = 50
MAX_RESPONSE_LENGTH: Final = 20_000
"""Of a browser's response, in characters; those of common authenticators have about a thousand."""


class Purpose(StrEnum):
    """What a challenge may be used for."""

    ADD = "add"
    VERIFY = "verify"


class Challenge(msgspec.Struct, frozen=True):
    """A random challenge, stored in the session for one use."""

    purpose: Purpose
    value: bytes
    at: datetime

    def serves(self, purpose: Purpose, *, now: datetime) -> bool:
        """Return whether a response for this purpose may use the challenge now."""
        return self.purpose is purpose and now - self.at <= CHALLENGE_LIFETIME


class NewPasskey(msgspec.Struct, frozen=True):
    """What an authenticator has created; the public key is a COSE key (RFC 9052)."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A stored passkey.

    `sign_count` is the authenticator's counter at its last use; authenticators that synchronize
    passkeys always report 0.
    """

    id: UUID
    member_id: UUID
    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    created_at: datetime
    last_used_at: datetime | None = None


def new_challenge(purpose: Purpose, randomness: Randomness, *, now: datetime) -> Challenge:
    """Return a new challenge."""
    return Challenge(purpose, randomness(CHALLENGE_BYTES), now)


def checked_name(text: str) -> str:
    """Return the name of a passkey, with single spaces; raise InvalidCommand as `checked_text`."""
    name = " ".join(text.split())
    return checked_text(name, what="the name of a passkey", limit=MAX_NAME_LENGTH)


def credential_id_of(response: str) -> bytes:
    """Return the id of the passkey that a browser's response names; raise InvalidCommand."""
    try:
        encoded = msgspec.json.decode(response.encode(), type=_Named).id
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (msgspec.MsgspecError, ValueError):
        raise InvalidCommand("the response of the browser is malformed") from None


class _Named(msgspec.Struct):
    id: str
