"""What is around every page of the cabinet: who is signed in, where one can go, what was said."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from domain.cabinet.members import Member, zone_of
from domain.cabinet.sessions import FlashMessage


class Link(msgspec.Struct, frozen=True):
    """An entry of the navigation; `icon` names its picture."""

    label: str
    path: str
    icon: str
    current: bool


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What the templates of all pages know. `form_token` goes into every form."""

    member: Member
    links: Sequence[Link]
    said: FlashMessage | None
    form_token: str

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone that times are shown in."""
        return zone_of(self.member.zone)
