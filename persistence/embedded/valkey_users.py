"""The passwords of Valkey's users in a private file, and the ACL file that follows from them."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from persistence.embedded.files import write_private
from persistence.embedded.passwords import read_passwords
from persistence.valkey.acl import OWNER, USERS


def ensure_passwords(path: Path) -> Mapping[str, str]:
    """Return a password for every user, new ones where the file has none. Raises as above.

    A user that has a password keeps it, so that the processes can go on using their URLs.
    """
    known = read_passwords(path) if path.exists() else {}
    passwords = {user: known.get(user) or secrets.token_urlsafe(32) for user in (OWNER, *USERS)}
    if passwords != known:
        write_private(path, json.dumps(passwords))
    return passwords
