"""The bytes that the signature of a call covers, by its version (contract, sections 3 and 21).

Version 1 covers the body; version 2 also covers method, path, key and nonce.
"""

from domain.errors import InvalidRequest
from domain.reasons import Reason

_IS_VERSION_2 = {b"1": False, b"2": True}


def is_version_2(header: bytes) -> bool:
    """Return whether X-API-SIGN-VERSION names version 2; raise InvalidRequest if it is unknown."""
    version_2 = _IS_VERSION_2.get(header)
    if version_2 is None:
        raise InvalidRequest(
            "X-API-SIGN-VERSION is neither 1 nor 2",
            field="X-API-SIGN-VERSION",
            reason=Reason.VALUE,
        )
    return version_2


def signed_target(method: bytes, path: bytes) -> bytes:
    """Return the signed form of a method, in upper case, and a path as sent, without the query."""
    return b"%b\n%b" % (method, path)


def v2_message(target: bytes, *, key: bytes, nonce: bytes, body: bytes) -> bytes:
    """Return the bytes that a signature of version 2 covers.

    `target` is a `signed_target`; `key` is the whole value of X-API-KEY. No part but the body
    contains a line feed, so different calls never have the same bytes.
    """
    return b"v2\n%b\n%b\n%b\n%b" % (target, key, nonce, body)
