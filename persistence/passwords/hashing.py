"""Passwords of the cabinet: Argon2id (RFC 9106), kept as PHC strings."""

import re
import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
"""OWASP's first choice for Argon2id: some 40 ms and 19 MiB. The GIL is free meanwhile."""

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MAX_PASSWORD_BYTES: Final = 1024

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,86}",
    re.ASCII,
)


def hash_password(password: str) -> str:
    """Return what is stored of a password; raise ValueError for one over 1024 bytes."""
    encoded = password.encode()
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise ValueError(f"a password has at most {MAX_PASSWORD_BYTES} bytes")
    argon2 = Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return argon2.derive_phc_encoded(encoded)


def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether `stored` is the hash of `password`.

    With None, for somebody unknown, it takes as long and says no. Parameters beyond our own are
    not worked on: a planted hash can't make sign-in eat the machine.
    """
    encoded = password.encode()
    usable = stored if stored is not None and _is_bounded(stored) else _nobodys()
    try:
        Argon2id.verify_phc_encoded(encoded[:MAX_PASSWORD_BYTES], usable)
    except (InvalidKey, ValueError):
        return False
    return usable == stored and len(encoded) <= MAX_PASSWORD_BYTES


def _is_bounded(stored: str) -> bool:
    parameters = _PHC.fullmatch(stored)
    if parameters is None:
        return False
    memory, iterations, lanes = map(int, parameters.groups())
    return memory <= MEMORY_KIB and iterations <= ITERATIONS and lanes <= LANES


@cache
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe())
