"""Two-factor authentication: time-based one-time codes (RFC 6238) and recovery codes."""

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
"""A code of the previous or next step is accepted too: clocks differ, and typing takes time."""
SECRET_BYTES: Final = 20
"""As RFC 4226 recommends for HMAC-SHA1, the algorithm that every app supports."""
STEP_UP_LIFETIME: Final = timedelta(minutes=5)
"""How long after a code was entered a sensitive action requires no further code."""
SETUP_LIFETIME: Final = timedelta(hours=1)
"""A secret that is not confirmed within this time expires."""
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
RECOVERY_LENGTH: Final = 16
MAX_CODE_LENGTH: Final = 64


class StoredFactor(msgspec.Struct, frozen=True):
    """A stored second factor; not `confirmed` while it is being set up.

    `recovery_codes_left` is the number of unused recovery codes.
    """

    member_id: UUID
    secret: str
    confirmed: bool
    recovery_codes_left: int

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"StoredFactor(member_id={self.member_id}, confirmed={self.confirmed})"


def new_factor_secret(randomness: Randomness) -> str:
    """Return a new shared secret in base32, the encoding that apps accept."""
    return base64.b32encode(randomness(SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """Return the code of a time step: HOTP with HMAC-SHA1 (RFC 4226, 5.3)."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_at(now: datetime) -> int:
    """Return the number of the time step that contains `now`."""
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the latest accepted time step with this code; None for a wrong code."""
    current = step_at(now)
    matching = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            matching = step
    return matching


def enrollment_uri(secret: str, *, issuer: str, account: str) -> str:
    """Return the URI that an app reads from a QR code (Google Authenticator's key URI format)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def normalized_code(text: str) -> str:
    """Return a code as entered, without spaces and dashes, in lower case."""
    return "".join(text[:MAX_CODE_LENGTH].split()).replace("-", "").lower()


def new_recovery_codes(randomness: Randomness) -> list[str]:
    """Return single-use codes of 80 random bits each, such as `abcd-efgh-ijkl-mnop`."""
    codes = [base64.b32encode(randomness(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return [
        "-".join(one[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)).lower() for one in codes
    ]


def recovery_hash(code: str) -> str:
    """Return the stored hash of a recovery code: 80 random bits need no slow hash or salt."""
    return hashlib.sha256(b"recovery " + normalized_code(code).encode()).hexdigest()
