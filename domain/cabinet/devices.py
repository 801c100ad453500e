"""Known devices: browsers on which a member has completed a sign-in, and their signed cookie.

A known device has tries of its own (OWASP, "Device Cookies"): wrong passwords from elsewhere never
make the account's owner wait.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

LIFETIME: Final = timedelta(days=180)
"""How long a browser keeps the cookie after the latest complete sign-in."""
KEY_PURPOSE: Final = b"cabinet device"
"""Domain separation: keys derived for another purpose differ."""

_COOKIE = re.compile(
    r"(?P<key>[A-Za-z0-9-]{1,32})\.(?P<member>[0-9a-f]{32})\.(?P<epoch>0|[1-9][0-9]{0,9})"
    r"\.(?P<token>[A-Za-z0-9_-]{43})\.(?P<mac>[0-9a-f]{64})",
    re.ASCII,
)


class Device(msgspec.Struct, frozen=True):
    """A browser that is known for a member. The token itself is stored nowhere.

    Like a session, it ends when the member's `epoch` changes: after a new password, a changed role
    or "Sign out all other browsers".
    """

    member_id: UUID
    epoch: int
    token: str

    @property
    def id(self) -> str:
        """Return a hash of the token, by which failed attempts are counted."""
        return hashlib.sha256(b"device " + self.token.encode()).hexdigest()[:32]

    def __repr__(self) -> str:
        """Hide the token."""
        return f"Device(member_id={self.member_id}, epoch={self.epoch})"


class DeviceSigner:
    """Signs and verifies cookies with HMAC-SHA256. Keys are named; the current one signs.

    A cookie is `key.member.epoch.token.mac`. A forged cookie is rejected without a look-up.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: Callable[[], str]) -> None:
        self._keys = keys
        self._current = current

    def sign(self, device: Device) -> str:
        """Return the signed value of a device's cookie."""
        current = self._current()
        mac = _mac(self._keys[current], device)
        return f"{current}.{device.member_id.hex}.{device.epoch}.{device.token}.{mac}"

    def verify(self, value: str) -> Device | None:
        """Return the content of a signed cookie, or None if the signature is not ours."""
        parts = _COOKIE.fullmatch(value)
        key = self._keys.get(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        device = Device(UUID(hex=parts["member"]), int(parts["epoch"]), parts["token"])
        return device if hmac.compare_digest(_mac(key, device), parts["mac"]) else None


def _mac(key: bytes, device: Device) -> str:
    message = f"{device.member_id.hex}\n{device.epoch}\n{device.token}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
