"""What surrounds every page of a signed-in member: account, navigation, flash message."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from domain.cabinet.members import Member, zone_of
from domain.cabinet.sessions import FlashMessage


class Link(msgspec.Struct, frozen=True):
    """An entry of the navigation; `icon` is the name of its icon."""

    label: str
    path: str
    icon: str
    current: bool


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Context of every page's template. `form_token` is part of every form."""

    member: Member
    links: Sequence[Link]
    flash: FlashMessage | None
    form_token: str

    @property
    def zone(self) -> ZoneInfo:
        """Return the member's time zone."""
        return zone_of(self.member.zone)
