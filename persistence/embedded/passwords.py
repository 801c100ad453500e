"""A private file with the passwords of a server's users."""

import json
from collections.abc import Mapping
from pathlib import Path


def read_passwords(path: Path) -> Mapping[str, str]:
    """Return the passwords by user. Raises OSError, and ValueError for another kind of file."""
    passwords = json.loads(path.read_bytes())
    if not isinstance(passwords, dict) or not all(map(_is_password, passwords.values())):
        raise ValueError(f"{path} does not contain passwords by user")
    return passwords


def _is_password(value: object) -> bool:
    return isinstance(value, str) and len(value) >= 16
