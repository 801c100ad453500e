"""Request ids: the caller's own if it is well-formed, otherwise a random one."""

import re
from random import getrandbits

from gateway.http.message import RequestHeaders

_WELL_FORMED = re.compile(rb"[A-Za-z0-9_-]{1,64}")


def request_id_of(headers: RequestHeaders) -> bytes:
    """Return the id of a request in its response and in logs."""
    proposed = headers.get(b"x-request-id")
    if proposed is not None and _WELL_FORMED.fullmatch(proposed) is not None:
        return proposed
    # 16 hex digits that distinguish requests; they are not a secret.
    return b"%016x" % getrandbits(64)
