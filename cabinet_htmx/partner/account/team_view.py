"""What the page of the team shows."""

from collections.abc import Sequence
from typing import Final

import msgspec

from domain.cabinet.members import Role


class RoleText(msgspec.Struct, frozen=True):
    """A role and what it lets somebody do."""

    role: Role
    may: str


ROLES: Final[Sequence[RoleText]] = (
    RoleText(Role.OWNER, "everything: the team and payout details too"),
    RoleText(Role.DEVELOPER, "keys, codes and webhooks, and all that a viewer may"),
    RoleText(Role.VIEWER, "look at orders, earnings and codes"),
)


class Invitation(msgspec.Struct, frozen=True):
    """A one-time password, shown this once, and where to use it."""

    email: str
    password: str
    address: str

    def __repr__(self) -> str:
        """Hide the password."""
        return f"Invitation({self.email})"
