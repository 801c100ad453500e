"""The people who sign in to a partner's cabinet, and what their roles let them do."""

from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from domain.errors import InvalidRequest

DEFAULT_ZONE: Final = "UTC"
MAX_MEMBERS: Final = 50
"""Of one partner."""
ONE_TIME_BYTES: Final = 15
"""Of the password that somebody gets from somebody else: 20 characters."""


class Role(StrEnum):
    """What somebody may do in a cabinet: each role may do all that the ones after it may."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"

    def may_act_as(self, needed: "Role") -> bool:
        """Tell whether this role may do what `needed` is needed for."""
        order = tuple(Role)
        return order.index(self) <= order.index(needed)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in for a partner.

    `enabled` is the partner's. `one_time` says that the password was given by somebody else, and
    is good for choosing another only. `epoch` counts what ends all of a member's sessions.
    `second_factor` says that there is one, which signing in asks for.
    """

    id: UUID
    partner_id: UUID
    partner_name: str
    enabled: bool
    email: str
    role: Role
    zone: str
    one_time: bool
    epoch: int
    second_factor: bool = False


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a team, as the others see it. `one_time`: hasn't chosen a password yet."""

    id: UUID
    email: str
    role: Role
    one_time: bool
    second_factor: bool


class Invited(msgspec.Struct, frozen=True):
    """Somebody new in a team."""

    id: UUID
    email: str
    role: Role


class KnownPassword(msgspec.Struct, frozen=True):
    """What is stored of a member's password, and whose it is."""

    member_id: UUID
    password_hash: str

    def __repr__(self) -> str:
        """Hide the hash."""
        return f"KnownPassword(member_id={self.member_id})"


def checked_zone(name: str) -> str:
    """Return a time zone of the IANA database by its name; raise InvalidRequest."""
    if name not in available_timezones():
        raise InvalidRequest(f"{name!r} is not a time zone")
    return name


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of this name; UTC for one that this machine doesn't know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)
