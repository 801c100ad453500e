"""Sessions of the cabinet: their lifetime, and the signed cookie that identifies one."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

IDLE_TIMEOUT: Final = timedelta(hours=1)
"""A session expires after this long without a request."""
LIFETIME: Final = timedelta(hours=12)
"""A session expires after this long even when it is in use."""
LAST_USE_PRECISION: Final = timedelta(minutes=1)
"""The time of last use is at most this old, so that not every request writes it."""
KEY_PURPOSE: Final = b"cabinet session"
"""Domain separation: keys derived for another purpose differ."""

_COOKIE = re.compile(
    r"(?P<key>[A-Za-z0-9-]{1,32})\.(?P<member>[0-9a-f]{32})\.(?P<token>[A-Za-z0-9_-]{43})"
    r"\.(?P<mac>[0-9a-f]{64})",
    re.ASCII,
)


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

    def __repr__(self) -> str:
        """Hide the token."""
        return f"SessionCookie(member_id={self.member_id})"


class SessionSigner:
    """Signs and verifies cookies with HMAC-SHA256. Keys are named; the current one signs.

    A cookie is `key.member.token.mac`. A forged cookie is rejected without a look-up.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: Callable[[], str]) -> None:
        self._keys = keys
        self._current = current

    def sign(self, cookie: SessionCookie) -> str:
        """Return the signed value of a cookie."""
        current = self._current()
        mac = _mac(self._keys[current], cookie)
        return f"{current}.{cookie.member_id.hex}.{cookie.token}.{mac}"

    def verify(self, value: str) -> SessionCookie | None:
        """Return the content of a signed cookie, or None if the signature is not ours."""
        parts = _COOKIE.fullmatch(value)
        key = self._keys.get(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        cookie = SessionCookie(UUID(hex=parts["member"]), parts["token"])
        return cookie if hmac.compare_digest(_mac(key, cookie), parts["mac"]) else None


def _mac(key: bytes, cookie: SessionCookie) -> str:
    message = f"{cookie.member_id.hex}\n{cookie.token}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
