"""Cookies of the cabinet signed with HMAC-SHA256, in one form: `key.part.part.mac`."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

MEMBER: Final = r"[0-9a-f]{32}"
RANDOM_256: Final = r"[A-Za-z0-9_-]{43}"
"""Patterns of a member's id and of 256 random bits."""

_KEY: Final = r"[A-Za-z0-9-]{1,32}"
_MAC: Final = r"[0-9a-f]{64}"


class SignedCookies:
    """Signs and verifies the parts of cookies. Keys are named; the current one signs.

    A forged cookie is rejected without a look-up.
    """

    def __init__(self, *parts: str, keys: Mapping[str, bytes], current: Callable[[], str]) -> None:
        """`parts` are patterns of the cookie's parts, which contain neither a dot nor a line."""
        groups = (f"({pattern})" for pattern in (_KEY, *parts, _MAC))
        self._pattern = re.compile(r"\.".join(groups), re.ASCII)
        self._keys = keys
        self._current = current

    def sign(self, *parts: str) -> str:
        """Return the signed value."""
        current = self._current()
        return ".".join((current, *parts, _mac(self._keys[current], parts)))

    def verify(self, value: str) -> Sequence[str] | None:
        """Return the parts of a signed value, or None if the signature is not ours."""
        found = self._pattern.fullmatch(value)
        if found is None:
            return None
        name, *parts, mac = found.groups()
        key = self._keys.get(name)
        if key is None or not hmac.compare_digest(_mac(key, parts), mac):
            return None
        return parts


def _mac(key: bytes, parts: Sequence[str]) -> str:
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
