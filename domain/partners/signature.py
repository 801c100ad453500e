"""The bytes that the signature of a call covers, by its version (contract, sections 3 and 21)."""

from enum import IntEnum

from domain.errors import InvalidRequest


class SignatureVersion(IntEnum):
    """Version 1 covers the body; version 2 also covers method, path, key and nonce."""

    V1 = 1
    V2 = 2


_VERSIONS = {None: SignatureVersion.V1, "1": SignatureVersion.V1, "2": SignatureVersion.V2}


def parse_version(header: str | None) -> SignatureVersion:
    """Return the version named by X-API-SIGN-VERSION, 1 without it; raise InvalidRequest."""
    version = _VERSIONS.get(header)
    if version is None:
        raise InvalidRequest("X-API-SIGN-VERSION is neither 1 nor 2")
    return version


def signed_target(method: bytes, path: bytes) -> bytes:
    """Return the signed form of a method, in upper case, and a path as sent, without the query."""
    return b"%b\n%b" % (method, path)


def v2_message(target: bytes, *, key: bytes, nonce: bytes, body: bytes) -> bytes:
    """Return the bytes that a signature of version 2 covers.

    `target` is a `signed_target`; `key` is the whole value of X-API-KEY. No part but the body
    contains a line feed, so different calls never have the same bytes.
    """
    return b"v2\n%b\n%b\n%b\n%b" % (target, key, nonce, body)
