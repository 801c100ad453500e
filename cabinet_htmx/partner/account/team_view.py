"""The team page: roles, and an invitation with its one-time password."""

from collections.abc import Sequence
from typing import Final

import msgspec

from domain.cabinet.members import Role


class RoleDescription(msgspec.Struct, frozen=True):
    """A role and its permissions in words."""

    role: Role
    permissions: str


ROLES: Final[Sequence[RoleDescription]] = (
    RoleDescription(Role.OWNER, "everything, including team and payout details"),
    RoleDescription(Role.DEVELOPER, "view everything; manage API keys, codes and webhooks"),
    RoleDescription(Role.VIEWER, "view orders, earnings, codes and webhooks"),
)


class Invitation(msgspec.Struct, frozen=True):
    """A one-time password, shown once, and the URL to sign in at."""

    email: str
    password: str
    login_url: str

    def __repr__(self) -> str:
        """Hide the password."""
        return f"Invitation({self.email})"
