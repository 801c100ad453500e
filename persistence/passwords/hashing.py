"""Password hashing with Argon2id (RFC 9106), stored as PHC strings."""

import re
import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
"""OWASP's first recommendation for Argon2id: about 40 ms and 19 MiB, without holding the GIL."""

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MAX_PASSWORD_BYTES: Final = 1024

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,86}",
    re.ASCII,
)


def hash_password(password: str) -> str:
    """Return the hash of a password; raise ValueError for one over 1024 bytes."""
    encoded = password.encode()
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise ValueError(f"the password is longer than {MAX_PASSWORD_BYTES} bytes")
    argon2 = Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return argon2.derive_phc_encoded(encoded)


def verify_password(password: str, stored: str | None) -> bool:
    """Return whether `stored` is the hash of `password`.

    For an unknown user, pass None: it takes as long and returns False. A hash with higher cost
    parameters than ours is rejected, so that a planted hash cannot exhaust the machine.
    """
    encoded = password.encode()
    usable = stored if stored is not None and _is_affordable(stored) else _decoy()
    try:
        Argon2id.verify_phc_encoded(encoded[:MAX_PASSWORD_BYTES], usable)
    except (InvalidKey, ValueError):
        return False
    return usable == stored and len(encoded) <= MAX_PASSWORD_BYTES


def _is_affordable(stored: str) -> bool:
    parameters = _PHC.fullmatch(stored)
    if parameters is None:
        return False
    memory, iterations, lanes = map(int, parameters.groups())
    return memory <= MEMORY_KIB and iterations <= ITERATIONS and lanes <= LANES


@cache
def _decoy() -> str:
    return hash_password(secrets.token_urlsafe())
