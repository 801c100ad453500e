"""The passwords of Valkey's users in a private file, and the ACL file that follows from them."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from persistence.embedded.files import write_private
from persistence.valkey.acl import OWNER, USERS


def read_passwords(path: Path) -> Mapping[str, str]:
    """Return the passwords by user. Raises OSError, and ValueError for another kind of file."""
    passwords = json.loads(path.read_bytes())
    if not isinstance(passwords, dict) or not all(map(_is_password, passwords.values())):
        raise ValueError(f"{path} does not contain passwords by user")
    return passwords


def ensure_passwords(path: Path) -> Mapping[str, str]:
    """Return a password for every user, new ones where the file has none. Raises as above.

    A user that has a password keeps it, so that the processes can go on using their URLs.
    """
    known = read_passwords(path) if path.exists() else {}
    passwords = {user: known.get(user) or secrets.token_urlsafe(32) for user in (OWNER, *USERS)}
    if passwords != known:
        write_private(path, json.dumps(passwords))
    return passwords


def _is_password(value: object) -> bool:
    return isinstance(value, str) and len(value) >= 16
