"""The second factor of somebody in the cabinet: time-based codes (RFC 6238) and recovery codes."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec

from domain.partners.credentials import Randomness

STEP_SECONDS: Final = 30
DIGITS: Final = 6
DRIFT_STEPS: Final = 1
"""A code of the step before or after counts as well: clocks differ, and typing takes a while."""
SECRET_BYTES: Final = 20
"""As RFC 4226 recommends for HMAC-SHA1, which is what all apps know."""
FRESH: Final = timedelta(minutes=5)
"""For so long after a code was given nothing asks for another."""
SET_UP_WITHIN: Final = timedelta(hours=1)
"""A secret that isn't confirmed in this time is forgotten."""
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
RECOVERY_LENGTH: Final = 16
MAX_CODE_LENGTH: Final = 64


class StoredFactor(msgspec.Struct, frozen=True):
    """A second factor as it is kept; not `confirmed` while it is being set up.

    `recovery_left` is the number of recovery codes that haven't been used.
    """

    member_id: UUID
    secret: str
    confirmed: bool
    recovery_left: int

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"StoredFactor(member_id={self.member_id}, confirmed={self.confirmed})"


def new_factor_secret(randomness: Randomness) -> str:
    """Return a fresh shared secret in base32, as apps take it."""
    return base64.b32encode(randomness(SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """Return the code of a time step: HOTP with HMAC-SHA1 (RFC 4226, 5.3)."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_at(now: datetime) -> int:
    """Return the number of the time step that a moment is in."""
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the newest time step around now whose code this is; None for a wrong one."""
    present = step_at(now)
    found = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def enrolment_uri(secret: str, *, issuer: str, account: str) -> str:
    """Return what an app reads from a QR code (Google Authenticator's key URI format)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def typed_code(text: str) -> str:
    """Return a code as it was meant: without the spaces and dashes it is shown or typed with."""
    return "".join(text[:MAX_CODE_LENGTH].split()).replace("-", "").lower()


def new_recovery_codes(randomness: Randomness) -> list[str]:
    """Return codes of 80 random bits, such as `abcd-efgh-ijkl-mnop`, each good for one time."""
    made = [base64.b32encode(randomness(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return [
        "-".join(one[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)).lower() for one in made
    ]


def recovery_hash(code: str) -> str:
    """Return what is kept of a recovery code: so random that a plain SHA-256 hides it."""
    return hashlib.sha256(b"recovery " + typed_code(code).encode()).hexdigest()
