"""Routes of the cabinet: path, required role and navigation entry of each page."""

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Final, Literal
from urllib.parse import unquote

import msgspec
from blacksheep import Response

from cabinet_htmx.partner.layout import Link
from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest

ROOT: Final = "/partner"
LOGIN: Final = f"{ROOT}/login"
NEW_PASSWORD: Final = f"{ROOT}/new-password"
VERIFY: Final = f"{ROOT}/verify"
SECOND_FACTOR: Final = f"{ROOT}/account/second-factor"
MAX_NEXT_LENGTH: Final = 500

Handler = Callable[[PageRequest], Awaitable[Response]]


class Section(Enum):
    """A section of the navigation, in display order: its label and its main page."""

    DASHBOARD = ("Dashboard", f"{ROOT}/dashboard")
    ORDERS = ("Orders", f"{ROOT}/orders")
    CODES = ("Referral codes", f"{ROOT}/codes")
    KEYS = ("API keys", f"{ROOT}/keys")
    WEBHOOKS = ("Webhooks", f"{ROOT}/webhooks")
    PAYOUTS = ("Payouts", f"{ROOT}/payout-history")
    TEAM = ("Team", f"{ROOT}/team")
    ACCOUNT = ("Account", f"{ROOT}/account")

    @property
    def label(self) -> str:
        """Return the label of the navigation entry."""
        return self.value[0]

    @property
    def path(self) -> str:
        """Return the path of the main page."""
        return self.value[1]


class StepUp(Enum):
    """Whether a form requires a code of the second factor entered within the last few minutes."""

    REQUIRED = "required"
    """Members without a second factor have to set one up first."""
    IF_ON = "if on"
    """Only of members who have a second factor."""
    NOT_NEEDED = "not needed"
    """It changes nothing that a thief of a session could profit from, or requires the password."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A page (GET, and HEAD with it) or a form's action (POST), for members of `role` and above.

    The dispatcher checks that a form was submitted from our own page in the same session.
    `{name}` in a path becomes an entry of the request's parameters.

    `with_one_time_password`, `before_verification` and `without_second_factor` admit members who
    have yet to choose a password, to enter a code, or to set up the second factor that their team
    requires. Every POST declares its `step_up`: if a code is required, the member is asked for one,
    then the form is submitted again. The form's fields are part of that page meanwhile, so such a
    form must not contain passwords.
    """

    method: Literal["GET", "POST"]
    path: str
    handle: Handler
    role: Role
    section: Section | None = None
    with_one_time_password: bool = False
    before_verification: bool = False
    without_second_factor: bool = False
    step_up: StepUp | None = None


class RouteTable:
    """All routes of the cabinet, and the navigation that they result in."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._sections = [
            (section, route.role)
            for section in Section
            for route in self.routes
            if route.method == "GET" and route.path == section.path
        ]

    def links(self, role: Role, current: Section | None) -> list[Link]:
        """Return the navigation for a role: the sections it may see."""
        return [
            Link(section.label, section.path, section.name.lower(), current=section is current)
            for section, required in self._sections
            if role.includes(required)
        ]

    def home(self, role: Role) -> str:
        """Return the start page for a role."""
        return self.links(role, None)[0].path


def safe_next(path: str) -> str | None:
    """Return a path of the cabinet to continue at, or None for any other (open redirect, loop).

    Browsers resolve `%2e%2e` like `..` (URL Standard, 4.4), and the router decodes a path and
    ignores its case. So the path is checked in its decoded form, in lower case.
    """
    if not (path.isascii() and path.isprintable() and len(path) < MAX_NEXT_LENGTH):
        return None
    location, mark, query = path.partition("?")
    normal = f"{_decoded(location)}{mark}{query}".lower()
    plain = normal.isascii() and normal.isprintable() and "\\" not in normal
    inside = normal.startswith(f"{ROOT}/") and "//" not in normal and "/." not in normal
    return path if plain and inside and not normal.startswith((LOGIN, VERIFY)) else None


def _decoded(location: str) -> str:
    """Return a path without percent-encoding, however often it was encoded."""
    while (decoded := unquote(location, "latin-1")) != location:
        location = decoded
    return location
