"""Formats of keys, nonces and tokens, and the request signature."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

Randomness = Callable[[int], bytes]


_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{8,128}", re.ASCII)


def is_nonce(text: str) -> bool:
    """Return whether `text` is 16 to 64 characters of base64url."""
    return _NONCE.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Return whether `text` has the format of an order's access token."""
    return _TOKEN.fullmatch(text) is not None


def is_idempotency_key(text: str) -> bool:
    """Return whether `text` is 8 to 128 printable ASCII characters."""
    return _IDEMPOTENCY_KEY.fullmatch(text) is not None


class SigningKey:
    """A secret prepared for verifying signatures: HMAC-SHA256 with both pads hashed (RFC 2104).

    Copying two prepared contexts takes less than half the time of keying HMAC for every call.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: str) -> None:
        key = secret.encode()
        if len(key) > hashlib.sha256().block_size:
            key = hashlib.sha256(key).digest()
        padded = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def sign(self, body: bytes) -> str:
        """Return the lower-case hex HMAC-SHA256 of `body`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.hexdigest()

    def verifies(self, body: bytes, signature: str) -> bool:
        """Verify a signature (hex of either case) of `body` in constant time."""
        expected = self.sign(body)
        if signature.isascii() and hmac.compare_digest(expected, signature):
            return True
        well_formed = _SIGNATURE.fullmatch(signature) is not None
        candidate = signature.lower() if well_formed else "0" * 64
        return hmac.compare_digest(expected, candidate) and well_formed


class SecretName(StrEnum):
    """The wire name of a secret."""

    API = "apiSecret"
    WEBHOOK = "webhookSecret"


class Credentials(msgspec.Struct, frozen=True):
    """A partner's API key and secrets. Secrets are shown once."""

    api_key: str
    api_secret: str
    webhook_secret: str

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"Credentials(api_key={self.api_key!r})"


class NewSecrets(msgspec.Struct, frozen=True):
    """New secrets of a partner; None for one that is not rotated."""

    api_secret: str | None
    webhook_secret: str | None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "NewSecrets(...)"


def new_credentials(randomness: Randomness) -> Credentials:
    """Return a key of 24 and two secrets of 43 URL-safe characters."""
    return Credentials(
        api_key=new_api_key(randomness),
        api_secret=new_secret(randomness),
        webhook_secret=new_secret(randomness),
    )


def new_api_key(randomness: Randomness) -> str:
    """Return a key of 24 URL-safe characters. None begins like an option of a command."""
    key = _base64url(randomness(18))
    return f"A{key[1:]}" if key.startswith("-") else key


def new_secret(randomness: Randomness) -> str:
    """Return 32 random bytes as base64url without padding: a secret, or an order's token."""
    return _base64url(randomness(32))


def token_hash(token: str) -> bytes:
    """Return the stored form of an order's access token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
