"""The users of an installation on a Valkey server of the operator's own."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from gateway.instance import PreparationFailed
from gateway.wiring.installation.files import with_login
from persistence.valkey.acl import PREFIX, USERS
from persistence.valkey.users import (
    NotPermitted,
    acl_commands,
    apply_users,
    is_open,
    missing_users,
    rejected_login,
)

OPEN: Final = (
    "Valkey accepts clients without a password, with all rights: once nothing else needs that, run "
    "ACL SETUSER default off"
)
NOT_STORED: Final = (
    "Valkey has neither an ACL file nor a configuration file: after a restart its users are "
    "missing until `swapgate init` runs again"
)


class UsersPlan(msgspec.Struct, frozen=True):
    """Which users get a new password, and whether the login of the URL may manage users."""

    may_manage: bool
    without_password: Collection[str]


def plan_users(url: str, known: Mapping[str, str], *, new_passwords: bool) -> UsersPlan:
    """Return what has to be done; `known` has passwords by user.

    Raises PreparationFailed if a user's password is known to nobody, and ValkeyError.
    """
    if new_passwords:
        return UsersPlan(_may_manage(url), list(USERS))
    unusable = [
        name
        for name in USERS
        if name not in known or rejected_login(with_login(url, f"{PREFIX}{name}", known[name]))
    ]
    try:
        missing = missing_users(url)
    except NotPermitted:
        return UsersPlan(may_manage=False, without_password=unusable)
    others = [f"{PREFIX}{name}" for name in unusable if name not in missing]
    if others:
        raise PreparationFailed(
            f"no settings file has the password of Valkey's user {', '.join(others)}: restore the "
            "file, or use --new-passwords, which replaces the passwords of all logins"
        )
    return UsersPlan(may_manage=True, without_password=missing)


def shown_commands(plan: UsersPlan, passwords: Mapping[str, str]) -> list[str]:
    """Return the commands that create the users, with hashes of the passwords that are given."""
    wanted = {f"{PREFIX}{name}" for name in plan.without_password}
    return [
        f"ACL SETUSER {' '.join(arguments)}"
        for arguments in acl_commands(passwords)
        if arguments[0] in wanted
    ]


def create_users(plan: UsersPlan, url: str, passwords: Mapping[str, str]) -> list[str]:
    """Create the missing users and give all of them this version's rights; return remarks.

    Raises ValkeyError.
    """
    new = {name: passwords[name] for name in plan.without_password}
    remarks = [] if apply_users(url, new) else [NOT_STORED]
    return [*remarks, OPEN] if is_open(url) else remarks


def _may_manage(url: str) -> bool:
    try:
        missing_users(url)
    except NotPermitted:
        return False
    return True
