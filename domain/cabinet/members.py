"""Team members of a partner and the permissions of their roles."""

from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from domain.errors import InvalidCommand

DEFAULT_ZONE: Final = "UTC"
MAX_MEMBERS: Final = 50
"""Per partner."""
ONE_TIME_PASSWORD_BYTES: Final = 15
"""20 characters in base64."""


class Role(StrEnum):
    """A member's role. Each role includes the permissions of the roles listed after it."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"

    def includes(self, required: "Role") -> bool:
        """Return whether this role has the permissions of the `required` role."""
        order = tuple(Role)
        return order.index(self) <= order.index(required)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person who signs in for a partner.

    `enabled` is the partner's state. `must_change_password` is set while the password is a one-time
    password, which is only good for choosing another. All sessions of an earlier `epoch` have
    ended. With `second_factor`, signing in also requires a code; with `second_factor_required`, the
    owners require one of the whole team.
    """

    id: UUID
    partner_id: UUID
    partner_name: str
    enabled: bool
    email: str
    role: Role
    zone: str
    must_change_password: bool
    epoch: int
    second_factor: bool = False
    second_factor_required: bool = False

    @property
    def personal_words(self) -> list[str]:
        """Return words that somebody who knows the member would try as a password."""
        return [*self.email.replace("@", ".").split("."), *self.partner_name.split()]

    @property
    def must_set_up_second_factor(self) -> bool:
        """Return whether the member has to set up a second factor before anything else."""
        return self.second_factor_required and not self.second_factor


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member as shown to the rest of the team.

    `must_change_password` is set for an invited member who hasn't chosen a password yet.
    """

    id: UUID
    email: str
    role: Role
    must_change_password: bool
    second_factor: bool


class NewMember(msgspec.Struct, frozen=True):
    """A member to be added to a team."""

    id: UUID
    email: str
    role: Role


class StoredPassword(msgspec.Struct, frozen=True):
    """The stored hash of a member's password."""

    member_id: UUID
    password_hash: str

    def __repr__(self) -> str:
        """Hide the hash."""
        return f"StoredPassword(member_id={self.member_id})"


def checked_zone(name: str) -> str:
    """Return the name of a time zone of the IANA database; raise InvalidCommand for another."""
    if name not in available_timezones():
        raise InvalidCommand(f"{name!r} is not a time zone")
    return name


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of this name, or UTC if this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)
