"""The bytes of a page or a file, and their media type."""

import hashlib

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A page or a file as it is served without compression."""

    content_type: str
    body: bytes

    @property
    def digest(self) -> str:
        """Return 16 hex digits of the SHA-256 of the bytes."""
        return hashlib.sha256(self.body).hexdigest()[:16]
