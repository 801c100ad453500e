"""Request ids: the caller's own where it is well-formed, else made here."""

import re
from random import getrandbits

_WELL_FORMED = re.compile(rb"[A-Za-z0-9_-]{1,64}")


def request_id(given: bytes | None) -> bytes:
    """Return the id a request goes by in answers and logs."""
    if given is not None and _WELL_FORMED.fullmatch(given) is not None:
        return given
    return new_request_id()


def new_request_id() -> bytes:
    """Return 16 random hex digits: told apart from others, not kept from anybody."""
    return b"%016x" % getrandbits(64)
