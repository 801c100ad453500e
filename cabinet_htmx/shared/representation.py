"""Bytes made once and served many times: plain, compressed, and each with its entity tag."""

import gzip
import hashlib
from typing import Self

import msgspec


class Representation(msgspec.Struct, frozen=True):
    """A page or a file as it goes over the wire. Entity tags are strong, one per encoding."""

    content_type: str
    plain: bytes
    gzipped: bytes
    digest: str
    """16 hex digits of the SHA-256 of the plain bytes."""

    @classmethod
    def of(cls, body: bytes, content_type: str) -> Self:
        """Return what to serve for `body`. Equal bytes give equal tags in every worker."""
        return cls(
            content_type=content_type,
            plain=body,
            gzipped=gzip.compress(body, mtime=0),
            digest=hashlib.sha256(body).hexdigest()[:16],
        )

    def etag(self, *, gzipped: bool) -> str:
        """Return the entity tag, in quotes."""
        return f'"{self.digest}-gz"' if gzipped else f'"{self.digest}"'
