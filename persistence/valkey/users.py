"""Creates the users of a Valkey server that runs already, and gives them this version's rights."""

from collections.abc import Collection, Mapping
from typing import Final

import valkey
from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError

from persistence.valkey.acl import PREFIX, USERS, password_rule

CONNECT_SECONDS: Final = 3


class NotPermitted(Exception):
    """The login may not manage users."""


def missing_users(url: str) -> Collection[str]:
    """Return which users do not exist, without prefix. Raises NotPermitted and ValkeyError."""
    with _client(url) as client:
        try:
            return [name for name in USERS if client.acl_getuser(f"{PREFIX}{name}") is None]
        except NoPermissionError:
            raise NotPermitted from None


def acl_commands(passwords: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return the arguments of ACL SETUSER for each user: rights, and passwords where given."""
    return [
        (
            f"{PREFIX}{name}",
            "on",
            *(("resetpass", password_rule(passwords[name])) if name in passwords else ()),
            "resetkeys",
            "resetchannels",
            *rights.rules().split(),
        )
        for name, rights in USERS.items()
    ]


def apply_users(url: str, passwords: Mapping[str, str]) -> bool:
    """Give all users their rights, and these their passwords.

    Returns whether the server has stored them for its next start. Raises ValkeyError.
    """
    with _client(url) as client:
        for arguments in acl_commands(passwords):
            client.execute_command("ACL SETUSER", *arguments)
        for save in ("ACL SAVE", "CONFIG REWRITE"):
            try:
                client.execute_command(save)
            except ResponseError:
                continue
            return True
    return False


def is_open(url: str) -> bool:
    """Return whether the server accepts clients without a password. Raises ValkeyError."""
    with _client(url) as client:
        flags = (client.acl_getuser("default") or {}).get("flags", [])
        return "on" in flags and "nopass" in flags


def rejected_login(url: str) -> bool:
    """Return whether the server rejects the login of a URL. Raises other ValkeyErrors."""
    try:
        with _client(url) as client:
            client.ping()
    except AuthenticationError:
        return True
    return False


def _client(url: str) -> valkey.Valkey:
    return valkey.Valkey.from_url(
        url, socket_timeout=CONNECT_SECONDS, socket_connect_timeout=CONNECT_SECONDS
    )
