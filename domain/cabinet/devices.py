"""Known devices: browsers on which a member has completed a sign-in, and their signed cookie.

A known device has tries of its own (OWASP, "Device Cookies"): wrong passwords from elsewhere never
make the account's owner wait.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.cabinet.signed_cookies import MEMBER, RANDOM_256, SignedCookies

LIFETIME: Final = timedelta(days=180)
"""How long a browser keeps the cookie after the latest complete sign-in."""
KEY_PURPOSE: Final = b"cabinet device"
"""Domain separation: keys derived for another purpose differ."""

_EPOCH: Final = "0|[1-9][0-9]{0,9}"


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
    """Signs and verifies cookies of devices: `key.member.epoch.token.mac`."""

    def __init__(self, keys: Mapping[str, bytes], *, current: Callable[[], str]) -> None:
        self._cookies = SignedCookies(MEMBER, _EPOCH, RANDOM_256, keys=keys, current=current)

    def sign(self, device: Device) -> str:
        """Return the signed value of a device's cookie."""
        return self._cookies.sign(device.member_id.hex, str(device.epoch), device.token)

    def verify(self, value: str) -> Device | None:
        """Return the content of a signed cookie, or None if the signature is not ours."""
        parts = self._cookies.verify(value)
        return None if parts is None else Device(UUID(hex=parts[0]), int(parts[1]), parts[2])
