"""The content of a page or file with its media type."""

import hashlib

import msgspec


class Document(msgspec.Struct, frozen=True):
    """An uncompressed page or file."""

    content_type: str
    body: bytes

    @property
    def digest(self) -> str:
        """Return 16 hex digits of the SHA-256 of the bytes."""
        return hashlib.sha256(self.body).hexdigest()[:16]
