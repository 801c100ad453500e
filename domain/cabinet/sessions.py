"""Sessions of the cabinet: their lifetime, and the signed cookie that identifies one."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.cabinet.signed_cookies import MEMBER, RANDOM_256, SignedCookies

IDLE_TIMEOUT: Final = timedelta(hours=1)
"""A session expires after this long without a request."""
LIFETIME: Final = timedelta(hours=12)
"""A session expires after this long even when it is in use."""
LAST_USE_PRECISION: Final = timedelta(minutes=1)
"""The time of last use is at most this old, so that not every request writes it."""
KEY_PURPOSE: Final = b"cabinet session"
"""Domain separation: keys derived for another purpose differ."""


class FlashMessage(msgspec.Struct, frozen=True):
    """A message shown once, on the next page. It is stored, so it must never contain a secret."""

    text: str
    success: bool = True


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A member signed in on one browser. `id` is a hash of the token in the cookie.

    `epoch` is the member's at sign-in; the session ends when the member's epoch changes.
    """

    id: str
    member_id: UUID
    epoch: int
    opened_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    flash: FlashMessage | None = None
    verified_at: datetime | None = None
    """When a code of the second factor was last entered in this session."""

    def is_expired(self, now: datetime) -> bool:
        """Return whether the session has been idle or open for too long."""
        return now - self.last_used_at > IDLE_TIMEOUT or now - self.opened_at > LIFETIME

    def seconds_left(self, now: datetime) -> int:
        """Return in how many seconds the session expires if it is not used again."""
        end = min(now + IDLE_TIMEOUT, self.opened_at + LIFETIME)
        return max(int((end - now).total_seconds()), 0)


class SessionCookie(msgspec.Struct, frozen=True):
    """The content of a session's cookie. The token itself is stored nowhere, only its hash."""

    member_id: UUID
    token: str

    @property
    def session_id(self) -> str:
        """Return the id of the session: a hash of the token."""
        return hashlib.sha256(b"session " + self.token.encode()).hexdigest()

    @property
    def form_token(self) -> str:
        """Return the CSRF token of this session, which every form carries."""
        digest = hashlib.sha256(b"form " + self.token.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def host_proof(self) -> str:
        """Return what the same browser also stores in a cookie that no other host can set."""
        digest = hashlib.sha256(b"host " + self.token.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def __repr__(self) -> str:
        """Hide the token."""
        return f"SessionCookie(member_id={self.member_id})"


class SessionSigner:
    """Signs and verifies cookies of sessions: `key.member.token.mac`."""

    def __init__(self, keys: Mapping[str, bytes], *, current: Callable[[], str]) -> None:
        self._cookies = SignedCookies(MEMBER, RANDOM_256, keys=keys, current=current)

    def sign(self, cookie: SessionCookie) -> str:
        """Return the signed value of a cookie."""
        return self._cookies.sign(cookie.member_id.hex, cookie.token)

    def verify(self, value: str) -> SessionCookie | None:
        """Return the content of a signed cookie, or None if the signature is not ours."""
        parts = self._cookies.verify(value)
        return None if parts is None else SessionCookie(UUID(hex=parts[0]), parts[1])
