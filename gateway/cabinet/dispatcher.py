"""Serves the table of routes: who may come in, whose form it is, and what refusals look like."""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS
from cabinet_htmx.shared.assets import AssetMissing
from domain.actions.cabinet.prove_second_factor import is_fresh
from domain.actions.cabinet.sign_in import SignedIn
from domain.cabinet.members import Role
from domain.errors import DomainError, NotFound, Unavailable
from gateway.cabinet.context import CabinetContext
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import LOGIN, NEW_PASSWORD, ROOT, Route, RouteTable
from gateway.cabinet.step_up import ask_for_code, is_awaited, to_step_up
from gateway.errors import error_response
from gateway.http.blacksheep import Handler
from gateway.http.forms import CrossSiteForm, form_of, query_of
from gateway.http.pages import page, redirect
from gateway.http.static import assets_missing

FORM_TOKEN: Final = "form_token"  # noqa: S105  the name of a field

log = structlog.get_logger()


class RoleNotSufficient(Exception):
    """Somebody signed in asks for what the role isn't enough for."""


class SecondFactorMissing(Exception):
    """Somebody without a second factor asks for what needs a code of one."""


class PageDispatcher:
    """Lets visits in, by route."""

    def __init__(self, cabinet: CabinetContext, table: RouteTable) -> None:
        self._cabinet = cabinet
        self._table = table
        self._running: set[asyncio.Future[Response]] = set()

    def serve(self, route: Route) -> Handler:
        """Return the handler of a route: all of what guards it, in this order.

        Signed in, the role, the second factor if there is one, one's own password, and for forms
        where they were sent from and in which session; at last a fresh code, where one is needed.
        """

        async def handle(request: Request) -> Response:
            signed_in = await self._cabinet.resume(request)
            if signed_in is None:
                return to_login(request)
            frame = self.frame(signed_in, route)
            try:
                _check_role(signed_in, route)
                if is_awaited(signed_in) and not route.before_factor:
                    return to_step_up(request)
                if signed_in.member.one_time and not route.before_password:
                    return redirect(303, NEW_PASSWORD, HEADERS)
                form = await _form(request, frame) if route.method == "POST" else {}
                response = await self._answer(route, self._visit(request, signed_in, frame, form))
            except (RoleNotSufficient, SecondFactorMissing, CrossSiteForm, DomainError) as error:
                return self._refused(request, frame, error)
            if signed_in.session.said is not None and _shows(request, response):
                await self._cabinet.signing_in.sessions.say(signed_in.session, None)
            return response

        return self.answered(handle)

    def answered(self, handle: Handler) -> Handler:
        """Return a handler whose refusals are pages of somebody who isn't signed in."""

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (CrossSiteForm, DomainError) as error:
                return self._refused(request, None, error)
            except AssetMissing as missing:
                log.warning("pages can't be made", why=str(missing))
                return assets_missing(request)

        return handled

    def frame(self, signed_in: SignedIn, route: Route | None) -> Layout:
        """Return what is around a page of somebody signed in."""
        member = signed_in.member
        section = route.section if route else None
        return Layout(
            member=member,
            links=(
                []
                if member.one_time or is_awaited(signed_in)
                else self._table.links(member.role, section)
            ),
            said=signed_in.session.said,
            form_token=signed_in.name.form_token,
        )

    async def _answer(self, route: Route, visit: PageRequest) -> Response:
        """Answer a visit; what a form asks for is done to its end, also where its sender leaves."""
        if route.fresh and not visit.member.second_factor:
            raise SecondFactorMissing
        if route.fresh and not is_fresh(visit.session, now=visit.now):
            return ask_for_code(visit)
        if route.method == "GET":
            return await route.handle(visit)
        running = asyncio.ensure_future(_handled(route, visit))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    def _visit(
        self, request: Request, signed_in: SignedIn, frame: Layout, form: Mapping[str, str]
    ) -> PageRequest:
        return PageRequest(
            cabinet=self._cabinet,
            request=request,
            member=signed_in.member,
            session=signed_in.session,
            frame=frame,
            address=self._cabinet.address_of(request),
            parameters={name: given or "" for name, given in (request.route_values or {}).items()},
            query=query_of(request),
            form=form,
        )

    def _refused(
        self,
        request: Request,
        frame: Layout | None,
        error: RoleNotSufficient | SecondFactorMissing | CrossSiteForm | DomainError,
    ) -> Response:
        status, wait = 403, None
        if isinstance(error, DomainError):
            answer = error_response(error)
            status, wait = answer.status, answer.retry_after
        if isinstance(error, Unavailable):
            log.warning("unavailable", path=request.path, why=str(error))
        said = _said_of(error)
        site = self._cabinet.site
        more = [("Retry-After", str(wait))] if wait is not None else []
        if request.get_first_header(b"HX-Request"):
            return page(status, site.door("_notice.html", text=said.text), HEADERS, *more)
        if frame is None:
            return page(status, site.door("message.html", message=said), HEADERS, *more)
        template = "no_factor.html" if isinstance(error, SecondFactorMissing) else "refusal.html"
        return page(status, site.page(template, frame, message=said), HEADERS, *more)


async def _handled(route: Route, visit: PageRequest) -> Response:
    return await route.handle(visit)


def _check_role(signed_in: SignedIn, route: Route) -> None:
    if not signed_in.member.role.may_act_as(route.role):
        raise RoleNotSufficient


def _said_of(
    error: RoleNotSufficient | SecondFactorMissing | CrossSiteForm | DomainError,
) -> sentences.Message:
    if isinstance(error, RoleNotSufficient):
        return sentences.NOT_FOR_THIS_ROLE
    if isinstance(error, SecondFactorMissing):
        return sentences.NO_SECOND_FACTOR
    if isinstance(error, CrossSiteForm):
        return sentences.FOREIGN_FORM
    return sentences.refusal(error)


def to_login(request: Request) -> Response:
    """Return what leads to the sign-in page, and from there back to where one wanted to go."""
    wanted = request.url.value.decode("latin-1") if request.method in ("GET", "HEAD") else ""
    if request.get_first_header(b"HX-Request"):  # a part of a page can't be the sign-in page
        return page(401, "", HEADERS, ("HX-Redirect", LOGIN))
    there = f"{LOGIN}?next={quote(wanted, safe='')}" if wanted and wanted != ROOT else LOGIN
    return redirect(303, there, HEADERS)


async def _form(request: Request, frame: Layout) -> Mapping[str, str]:
    """Return the fields of a form of this session; raise CrossSiteForm for any other."""
    form = await form_of(request)
    token = form.pop(FORM_TOKEN, "")
    if not hmac.compare_digest(token.encode(), frame.form_token.encode()):
        raise CrossSiteForm
    return form


def _shows(request: Request, response: Response) -> bool:
    """Tell whether an answer is a whole page, on which what was said could be read."""
    return request.get_first_header(b"HX-Request") is None and response.status < 300


def mount_routes(application: Application, door: PageDispatcher, table: RouteTable) -> None:
    """Serve a table of routes; what is at none of them is told on a page as well."""
    for route in table.routes:
        handler = door.serve(route)
        application.router.add(route.method, route.path, handler)
        if route.method == "GET":
            application.router.add("HEAD", route.path, handler)
    missing = door.serve(Route(method="GET", path=f"{ROOT}/*", handle=_nothing, role=Role.VIEWER))
    for method in ("GET", "HEAD"):
        application.router.add(method, f"{ROOT}/*", missing)


async def _nothing(visit: PageRequest) -> Response:
    raise NotFound(f"there is no page {visit.request.path}")
