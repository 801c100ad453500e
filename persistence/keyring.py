"""Secrets at rest: AES-256-GCM under a key ring, bound to the record they belong to."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A sealed secret cannot be decrypted: wrong key ring, wrong record, or corrupted."""


class _File(msgspec.Struct):
    current: str
    keys: dict[str, str]


class KeyRing:
    """Named keys: the current one encrypts, all decrypt.

    A sealed secret consists of the length of the key's name, the name, a 12-byte nonce, ciphertext
    and tag. The
    record's identity is associated data, so a secret copied to another row cannot be decrypted.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        if current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("a key ring needs keys of 32 bytes, the current one among them")
        self._keys = dict(keys)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._current = current

    @property
    def names(self) -> list[str]:
        """Return the keys' names, the current one last."""
        return [*(name for name in self._ciphers if name != self._current), self._current]

    @property
    def current(self) -> str:
        """Return the name of the key that encrypts."""
        return self._current

    def derived(self, purpose: bytes) -> dict[str, bytes]:
        """Return a key of 32 bytes for `purpose` from each key (HKDF-SHA256, RFC 5869), by name."""
        return {
            name: HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(key)
            for name, key in self._keys.items()
        }

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
            cipher = self._ciphers[sealed[1:end].decode()]
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


def load_keyring(path: Path) -> KeyRing:
    """Read a key ring file: `{"current": name, "keys": {name: base64 of 32 bytes}}`."""
    file = msgspec.json.decode(path.read_bytes(), type=_File)
    keys = {name: base64.b64decode(key) for name, key in file.keys.items()}
    return KeyRing(keys, current=file.current)


def new_keyring() -> bytes:
    """Return the content of a key ring file with one new key. It is secret; back it up."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return msgspec.json.encode(_File(current="k1", keys={"k1": key}))
