"""Reads a key of 32 bytes from a file that nobody else may read."""

import os
import stat
from pathlib import Path


class InvalidKeyFile(Exception):
    """The key can't be used; the text says why, and never what it is."""


def read_key(path: Path) -> bytes:
    """Return the 32 bytes in hex of a file that nobody else may read; raise InvalidKeyFile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise InvalidKeyFile(f"{path} can't be read: {error.strerror}") from None
    with os.fdopen(descriptor) as file:
        found = os.fstat(file.fileno())
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
            raise InvalidKeyFile(
                f"{path} can be read by others: chmod 600, and owned by who runs this"
            )
        text = file.read().strip().removeprefix("0x")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InvalidKeyFile(f"{path} holds no key of 32 bytes in hex")
    return key
