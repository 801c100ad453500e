"""Referrals: the signed cookie that attributes a visitor to a code (contract, section 10)."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.partners.codes import Code

LIFETIME: Final = timedelta(days=30)
KEY_PURPOSE: Final = b"referral cookie"
"""Purpose of the derived keys; other purposes have other keys."""

_NOBODY = UUID(int=0)
_COOKIE = re.compile(
    r"(?P<key>[A-Za-z0-9-]{1,32})\.(?P<code>[A-Za-z0-9_-]{4,32})"
    r"\.(?P<issued>[1-9][0-9]{9,10})\.(?P<mac>[0-9a-f]{64})",
    re.ASCII,
)


class Referrer(msgspec.Struct, frozen=True):
    """A partner as a referrer; `code` is None for the default partner."""

    partner_id: UUID
    enabled: bool
    markup_bps: int
    """The partner's default."""
    code: Code | None = None

    @property
    def is_active(self) -> bool:
        """Return whether orders can be attributed to it."""
        return self.enabled and (self.code is None or self.code.enabled)


class Claim(msgspec.Struct, frozen=True):
    """The unverified content of a cookie."""

    key: str
    code: str
    issued: int
    mac: str


def claim_of(cookie: str) -> Claim | None:
    """Parse a cookie; None if it is malformed."""
    parts = _COOKIE.fullmatch(cookie)
    if parts is None:
        return None
    return Claim(parts["key"], parts["code"], int(parts["issued"]), parts["mac"])


class ReferralSigner:
    """Signs and checks cookies with HMAC-SHA256 under named keys, of which one signs.

    A cookie is `key.code.issued.mac`. The partner's id is signed but not part of the cookie, so
    that visitors cannot find out which codes belong to the same partner.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: Callable[[], str]) -> None:
        self._keys = keys
        self._current = current

    def sign(self, code: str, partner_id: UUID, *, at: datetime) -> str:
        """Return the cookie for a visitor who followed a link of `code` at this time."""
        issued = int(at.timestamp())
        current = self._current()
        mac = _mac(self._keys[current], code, partner_id, issued)
        return f"{current}.{code}.{issued}.{mac}"

    def verifies(self, claim: Claim, partner_id: UUID | None, *, at: datetime) -> bool:
        """Verify in constant time that this is signed for `partner_id` and at most 30 days old.

        None stands for an unknown code: the result is False, after the same steps.
        """
        key = self._keys.get(claim.key)
        expected = _mac(
            key if key is not None else self._keys[self._current()],
            claim.code,
            partner_id if partner_id is not None else _NOBODY,
            claim.issued,
        )
        signed = hmac.compare_digest(expected, claim.mac)
        age = at.timestamp() - claim.issued
        fresh = -60 <= age <= LIFETIME.total_seconds()  # workers' clocks may differ a little
        return signed and key is not None and partner_id is not None and fresh


def _mac(key: bytes, code: str, partner_id: UUID, issued: int) -> str:
    return hmac.new(key, f"{partner_id}\n{code}\n{issued}".encode(), hashlib.sha256).hexdigest()
