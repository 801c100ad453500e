"""Sessions of the cabinet: how long they last, and the cookie that names one."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

IDLE: Final = timedelta(hours=1)
"""A session that nobody uses for so long is over."""
LIFETIME: Final = timedelta(hours=12)
"""However much it is used, it is over after so long."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly it is remembered when a session was last used: no write for each request."""
KEY_PURPOSE: Final = b"cabinet session"
"""What the keys of cookies are derived for; another purpose has other keys."""

_COOKIE = re.compile(
    r"(?P<key>[A-Za-z0-9-]{1,32})\.(?P<member>[0-9a-f]{32})\.(?P<token>[A-Za-z0-9_-]{43})"
    r"\.(?P<mac>[0-9a-f]{64})",
    re.ASCII,
)


class FlashMessage(msgspec.Struct, frozen=True):
    """What the next page tells of what was just done. Never a secret: it is kept meanwhile."""

    text: str
    good: bool = True


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in on one browser. `id` is a hash of what the cookie holds.

    `epoch` is the member's at sign-in: once the member's is another, the session is over.
    """

    id: str
    member_id: UUID
    epoch: int
    opened_at: datetime
    seen_at: datetime
    address: str
    agent: str
    said: FlashMessage | None = None
    proved_at: datetime | None = None
    """When a code of the second factor was given in it, if any was."""

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time is up, used or not."""
        return now - self.seen_at > IDLE or now - self.opened_at > LIFETIME

    def seconds_left(self, now: datetime) -> int:
        """Return after how many seconds it is over, if nobody uses it from now on."""
        end = min(now + IDLE, self.opened_at + LIFETIME)
        return max(int((end - now).total_seconds()), 0)


class SessionName(msgspec.Struct, frozen=True):
    """What a cookie holds: whose session it names, and by which token."""

    member_id: UUID
    token: str

    @property
    def session_id(self) -> str:
        """Return what the session is kept under: the token itself is kept nowhere."""
        return hashlib.sha256(b"session " + self.token.encode()).hexdigest()

    @property
    def form_token(self) -> str:
        """Return what each form of this session carries, and no other site can know."""
        digest = hashlib.sha256(b"form " + self.token.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def __repr__(self) -> str:
        """Hide the token."""
        return f"SessionName(member_id={self.member_id})"


class SessionSigner:
    """Signs and checks cookies with HMAC-SHA256 under named keys, of which one signs.

    A cookie is `key.member.token.mac`; a forged one costs no look-up.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        self._keys = keys
        self._current = current

    def sign(self, name: SessionName) -> str:
        """Return the cookie for a session."""
        mac = _mac(self._keys[self._current], name)
        return f"{self._current}.{name.member_id.hex}.{name.token}.{mac}"

    def read(self, cookie: str) -> SessionName | None:
        """Return what a cookie names if we have signed it, else None."""
        parts = _COOKIE.fullmatch(cookie)
        key = self._keys.get(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        name = SessionName(UUID(hex=parts["member"]), parts["token"])
        return name if hmac.compare_digest(_mac(key, name), parts["mac"]) else None


def _mac(key: bytes, name: SessionName) -> str:
    return hmac.new(key, f"{name.member_id.hex}\n{name.token}".encode(), hashlib.sha256).hexdigest()
