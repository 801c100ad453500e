"""A request of a signed-in member, as page handlers receive it."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from blacksheep import Request, Response

from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS
from domain.cabinet.members import Member
from domain.cabinet.sessions import FlashMessage, Session
from domain.errors import NotFound
from domain.ids import id_in
from gateway.http import pages

NO_ERRORS: Final[Mapping[str, str]] = {}
"""The errors of a form's fields, by name, before it was submitted."""

if TYPE_CHECKING:
    from gateway.cabinet.context import CabinetContext, CabinetPorts


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has passed every check of its route.

    `form` has the fields of a POST, `query` those of the query string, `parameters` those of the
    path. Handlers show the data of `member.partner_id`, never of an id that was sent.
    """

    cabinet: "CabinetContext"
    raw: Request
    member: Member
    session: Session
    layout: Layout
    address: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def ports(self) -> "CabinetPorts":
        """Return the cabinet's ports."""
        return self.cabinet.ports

    @property
    def partner_id(self) -> UUID:
        """Return the id of the member's partner."""
        return self.member.partner_id

    @property
    def now(self) -> datetime:
        """Return the current time."""
        return self.ports.sign_in.clock.now()

    async def record(self, action: str, detail: str = "") -> None:
        """Add an entry to the audit log, after the action has been performed.

        `action` is a short phrase in the past tense ("Disabled a code"); `detail` identifies its
        object and never contains a secret.
        """
        await self.cabinet.record(self.member, self.address, action, detail)

    @property
    def origin(self) -> str:
        """Return the public origin that links begin with."""
        return self.ports.origins.main or ""

    @property
    def is_htmx(self) -> bool:
        """Return whether htmx requests a fragment of a page."""
        return self.raw.get_first_header(b"HX-Request") is not None

    def id_of(self, parameter: str) -> UUID:
        """Return an id from the path; raise NotFound if it is malformed."""
        return parse_id(self.parameters[parameter])

    def page(self, template: str, *, status: int = 200, **context: object) -> Response:
        """Return a page or a fragment rendered from a template of the cabinet."""
        html = self.cabinet.site.page(template, self.layout, **context)
        return pages.page(status, html, HEADERS)

    async def redirect(
        self, path: str, message: str | None = None, *, success: bool = True
    ) -> Response:
        """Return a redirect after a form; the next page shows `message` once.

        The message is stored until then, so it must never contain a secret.
        """
        if message is not None:
            flash = FlashMessage(message, success)
            await self.ports.sign_in.sessions.set_flash(self.session, flash)
        return pages.redirect(303, path, HEADERS)


def parse_id(text: str) -> UUID:
    """Return an id; raise NotFound if it is malformed, since nothing has such an id."""
    parsed = id_in(text)
    if parsed is None:
        raise NotFound("malformed id")
    return parsed
