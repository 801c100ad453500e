"""What a page of the cabinet says of itself: where it is, who may see it, where it is linked."""

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Final, Literal

import msgspec
from blacksheep import Response

from cabinet_htmx.partner.layout import Link
from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest

ROOT: Final = "/partner"
LOGIN: Final = f"{ROOT}/login"
NEW_PASSWORD: Final = f"{ROOT}/new-password"
VERIFY: Final = f"{ROOT}/verify"
MAX_NEXT_LENGTH: Final = 500

Handler = Callable[[PageRequest], Awaitable[Response]]


class Section(Enum):
    """A part of the cabinet: what it is called in the navigation, in this order, and its page."""

    DASHBOARD = ("Dashboard", f"{ROOT}/dashboard")
    ORDERS = ("Orders", f"{ROOT}/orders")
    CODES = ("Codes", f"{ROOT}/codes")
    KEYS = ("Keys", f"{ROOT}/keys")
    WEBHOOKS = ("Webhooks", f"{ROOT}/webhooks")
    PAYOUTS = ("Payouts", f"{ROOT}/payout-history")
    TEAM = ("Team", f"{ROOT}/team")
    ACCOUNT = ("Account", f"{ROOT}/account")

    @property
    def label(self) -> str:
        """Return what it is called."""
        return self.value[0]

    @property
    def path(self) -> str:
        """Return where its own page is."""
        return self.value[1]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A page (GET, and HEAD with it) or what a form of one does (POST), for a role and above.

    Forms are checked before the handler sees anything: that our own page sent them, in this very
    session. `{name}` in a path is in the visit's parameters. `before_password` says that somebody
    may come here who has yet to replace a one-time password, `before_factor` who has yet to give a
    code of the second factor.

    `fresh` asks for a code given in the last minutes: who hasn't is asked for one, and what was
    asked for is done then, a form sent again as it was. Whoever has no second factor is told to set
    one up. What such a form holds stands in a page meanwhile: no passwords.
    """

    method: Literal["GET", "POST"]
    path: str
    handle: Handler
    role: Role
    section: Section | None = None
    before_password: bool = False
    before_factor: bool = False
    fresh: bool = False


class RouteTable:
    """All routes of the cabinet, and the links that somebody sees of them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._sections = [
            (section, route.role)
            for section in Section
            for route in self.routes
            if route.method == "GET" and route.path == section.path
        ]

    def links(self, role: Role, current: Section | None) -> list[Link]:
        """Return the sections that somebody of this role may see and that have a page."""
        return [
            Link(section.label, section.path, section.name.lower(), current=section is current)
            for section, needed in self._sections
            if role.may_act_as(needed)
        ]

    def home(self, role: Role) -> str:
        """Return where somebody of this role begins."""
        return self.links(role, None)[0].path


def checked_next(path: str) -> str | None:
    """Return a path of the cabinet to go on to; None for one that leads elsewhere or in circles."""
    plain = (
        path.isascii() and path.isprintable() and "\\" not in path and len(path) < MAX_NEXT_LENGTH
    )
    inside = path.startswith(f"{ROOT}/") and "//" not in path and "/." not in path
    return path if plain and inside and not path.startswith((LOGIN, VERIFY)) else None
