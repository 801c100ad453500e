"""A request of somebody signed in, as the pages' handlers get it."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from blacksheep import Request, Response

from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS
from domain.cabinet.members import Member
from domain.cabinet.sessions import FlashMessage, Session
from domain.errors import NotFound
from domain.ids import id_in
from gateway.http.pages import page, redirect

if TYPE_CHECKING:
    from gateway.cabinet.context import CabinetContext


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, from where, and what: all of it checked, nothing of it to be checked again.

    `form` are the fields of a POST, `query` those of the address, `parameters` what stands in its
    path. Whose data is asked for is `member.partner_id`, never anything that was sent.
    """

    cabinet: "CabinetContext"
    request: Request
    member: Member
    session: Session
    frame: Layout
    address: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def now(self) -> datetime:
        """Return the present moment."""
        return self.cabinet.signing_in.clock.now()

    async def record(self, what: str, about: str = "") -> None:
        """Put into the audit log that somebody has changed something, once it is done.

        `what` is a few words in the past tense ("Disabled a code"), `about` which of several it
        was; never a secret.
        """
        await self.cabinet.record(self.member, self.address, what, about)

    @property
    def is_htmx(self) -> bool:
        """Tell whether htmx asks, for a part of a page."""
        return self.request.get_first_header(b"HX-Request") is not None

    def id_of(self, parameter: str) -> UUID:
        """Return an id that stands in the path; raise NotFound for what isn't one."""
        return known_id(self.parameters[parameter])

    def page(self, template: str, *, status: int = 200, **context: object) -> Response:
        """Return a page, or a part of one, made from a template of the cabinet."""
        return page(status, self.cabinet.site.page(template, self.frame, **context), HEADERS)

    async def go(self, path: str, said: str | None = None, *, good: bool = True) -> Response:
        """Return a redirect after a form was dealt with; `said` is told on the page it leads to.

        Never say a secret: what is said is kept until that page is asked for.
        """
        if said is not None:
            await self.cabinet.signing_in.sessions.say(self.session, FlashMessage(said, good))
        return redirect(303, path, HEADERS)


def known_id(text: str) -> UUID:
    """Return the id that a text is; raise NotFound for any other: nothing goes by that."""
    found = id_in(text)
    if found is None:
        raise NotFound("not an id")
    return found
