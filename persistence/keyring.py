"""Secrets at rest: AES-256-GCM under a key ring, bound to the record they belong to."""

import os
from collections.abc import Iterator, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A sealed secret cannot be decrypted: wrong key ring, wrong record, or corrupted."""


class KeyRing:
    """Named keys: the current one encrypts, all decrypt.

    A sealed secret consists of the length of the key's name, the name, a 12-byte nonce, ciphertext
    and tag. The
    record's identity is associated data, so a secret copied to another row cannot be decrypted.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        self._adopt(keys, current=current)

    @property
    def names(self) -> list[str]:
        """Return the keys' names, the current one last."""
        return [*(name for name in self._ciphers if name != self._current), self._current]

    @property
    def current(self) -> str:
        """Return the name of the key that encrypts."""
        return self._current

    def derived(self, purpose: bytes) -> "DerivedKeys":
        """Return the keys for `purpose`, by name."""
        return DerivedKeys(self, purpose)

    def key(self, name: str) -> bytes | None:
        """Return a key; None for an unknown name."""
        return self._keys.get(name)

    def seal(self, secret: str, *, record: str) -> bytes:
        """Encrypt `secret` for `record` (such as `partner:<id>:api_secret`)."""
        name = self._current.encode()
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, secret.encode(), record.encode())
        return bytes([len(name)]) + name + nonce + sealed

    def open(self, sealed: bytes, *, record: str) -> str:
        """Decrypt a secret that was sealed for the same record; raise SecretUnreadable."""
        try:
            end = 1 + sealed[0]
            cipher = self._cipher(sealed[1:end].decode())
            nonce, body = sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :]
            return cipher.decrypt(nonce, body, record.encode()).decode()
        except (IndexError, KeyError, UnicodeDecodeError, ValueError, InvalidTag):
            raise SecretUnreadable(record) from None

    def try_open(self, sealed: bytes, *, record: str) -> str | None:
        """Decrypt like `open`; None instead of SecretUnreadable."""
        try:
            return self.open(sealed, record=record)
        except SecretUnreadable:
            return None

    def _cipher(self, name: str) -> AESGCM:
        return self._ciphers[name]

    def _adopt(self, keys: Mapping[str, bytes], *, current: str) -> None:
        if current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("a key ring needs keys of 32 bytes, the current one among them")
        self._keys = dict(keys)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._current = current


def key_name(sealed: bytes) -> str:
    """Return the name of the key that a secret is sealed with."""
    return sealed[1 : 1 + sealed[0]].decode(errors="replace")


class DerivedKeys(Mapping[str, bytes]):
    """A key of 32 bytes for one purpose from each key of a ring (HKDF-SHA256, RFC 5869), by name.

    It changes with its ring.
    """

    def __init__(self, ring: KeyRing, purpose: bytes) -> None:
        self._ring = ring
        self._purpose = purpose
        self._derived: dict[bytes, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        """Return the derived key; raise KeyError."""
        key = self._ring.key(name)
        if key is None:
            raise KeyError(name)
        if key not in self._derived:
            hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=self._purpose)
            self._derived[key] = hkdf.derive(key)
        return self._derived[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, the current one last."""
        return iter(self._ring.names)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._ring.names)

    def current_first(self) -> list[bytes]:
        """Return the derived keys, first the one that new values are derived with."""
        return [self[name] for name in reversed(self._ring.names)]
