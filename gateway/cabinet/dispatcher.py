"""Serves the route table: checks every request, calls its handler, turns errors into pages."""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS
from cabinet_htmx.shared.assets import AssetMissing
from domain.actions.cabinet.sign_in import SignedIn
from domain.actions.cabinet.verify_second_factor import is_recently_verified
from domain.cabinet.members import Member, Role
from domain.errors import NotFound
from gateway.cabinet.context import CabinetContext
from gateway.cabinet.errors import (
    PAGE_ERRORS,
    RoleNotSufficient,
    SecondFactorRequired,
    error_page,
)
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import (
    LOGIN,
    NEW_PASSWORD,
    ROOT,
    SECOND_FACTOR,
    Route,
    RouteTable,
    StepUp,
)
from gateway.cabinet.step_up import ask_for_code, awaits_verification, redirect_to_verify
from gateway.http.blacksheep import Handler
from gateway.http.forms import CrossSiteForm, form_of, query_of
from gateway.http.pages import page, redirect
from gateway.http.static import assets_missing

FORM_TOKEN: Final = "form_token"  # noqa: S105  the name of a field

log = structlog.get_logger()


class PageDispatcher:
    """Turns routes into handlers of the web framework."""

    def __init__(self, cabinet: CabinetContext, table: RouteTable) -> None:
        self._cabinet = cabinet
        self._table = table
        self._running: set[asyncio.Future[Response]] = set()

    def serve(self, route: Route) -> Handler:
        """Return the handler of a route, which performs all checks in this order.

        Session, role, second factor, one-time password, a second factor that the team requires,
        the form's origin and CSRF token, and finally a recent code if the route requires one.
        """

        async def handle(raw: Request) -> Response:
            signed_in = await self._cabinet.resume(raw)
            if signed_in is None:
                return redirect_to_login(raw)
            layout = self._layout(signed_in, route)
            try:
                _check_role(signed_in, route)
                if awaits_verification(signed_in) and not route.before_verification:
                    return redirect_to_verify(raw)
                incomplete = _page_to_complete(signed_in.member, route)
                if incomplete is not None:
                    return redirect(303, incomplete, HEADERS)
                form = await _form(raw, layout) if route.method == "POST" else {}
                request = self._request(raw, signed_in, layout, form)
                response = await self._handle(route, request)
            except PAGE_ERRORS as error:
                return error_page(self._cabinet.site, raw, layout, error)
            if signed_in.session.flash is not None and _showed_flash(raw, response):
                await self._cabinet.ports.sign_in.sessions.set_flash(signed_in.session, None)
            return response

        return self.with_error_pages(handle)

    def with_error_pages(self, handle: Handler) -> Handler:
        """Return a handler whose errors are rendered as pages for a visitor not signed in."""

        async def handled(raw: Request) -> Response:
            try:
                return await handle(raw)
            except PAGE_ERRORS as error:
                return error_page(self._cabinet.site, raw, None, error)
            except AssetMissing as missing:
                log.warning("pages cannot be rendered", reason=str(missing))
                return assets_missing(raw)

        return handled

    def _layout(self, signed_in: SignedIn, route: Route) -> Layout:
        member = signed_in.member
        restricted = (
            member.must_change_password
            or member.must_set_up_second_factor
            or awaits_verification(signed_in)
        )
        return Layout(
            member=member,
            links=[] if restricted else self._table.links(member.role, route.section),
            flash=signed_in.session.flash,
            form_token=signed_in.cookie.form_token,
        )

    async def _handle(self, route: Route, request: PageRequest) -> Response:
        """Call a route's handler. A form is processed to its end even if the client disconnects."""
        has_factor = request.member.second_factor
        if route.step_up is StepUp.REQUIRED and not has_factor:
            raise SecondFactorRequired
        steps_up = route.step_up in (StepUp.REQUIRED, StepUp.IF_ON) and has_factor
        if steps_up and not is_recently_verified(request.session, now=request.now):
            return await ask_for_code(request)
        if route.method == "GET":
            return await route.handle(request)
        running = asyncio.ensure_future(_call(route, request))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    def _request(
        self, raw: Request, signed_in: SignedIn, layout: Layout, form: Mapping[str, str]
    ) -> PageRequest:
        return PageRequest(
            cabinet=self._cabinet,
            raw=raw,
            member=signed_in.member,
            session=signed_in.session,
            layout=layout,
            address=self._cabinet.address_of(raw),
            parameters={name: value or "" for name, value in (raw.route_values or {}).items()},
            query=query_of(raw),
            form=form,
        )


async def _call(route: Route, request: PageRequest) -> Response:
    return await route.handle(request)


def _check_role(signed_in: SignedIn, route: Route) -> None:
    if not signed_in.member.role.includes(route.role):
        raise RoleNotSufficient


def _page_to_complete(member: Member, route: Route) -> str | None:
    """Return the page where a member has to do something before opening this route, or None."""
    if member.must_change_password:
        return None if route.with_one_time_password else NEW_PASSWORD
    if member.must_set_up_second_factor:
        return None if route.without_second_factor else SECOND_FACTOR
    return None


def redirect_to_login(raw: Request) -> Response:
    """Return a redirect to the sign-in page, and from there back to this one."""
    requested = raw.url.value.decode("latin-1") if raw.method in ("GET", "HEAD") else ""
    if raw.get_first_header(b"HX-Request"):  # the sign-in page is not a fragment
        return page(401, "", HEADERS, ("HX-Redirect", LOGIN))
    has_next = requested and requested != ROOT
    path = f"{LOGIN}?next={quote(requested, safe='')}" if has_next else LOGIN
    return redirect(303, path, HEADERS)


async def _form(raw: Request, layout: Layout) -> Mapping[str, str]:
    """Return the fields of a form of this session; raise CrossSiteForm for any other."""
    form = await form_of(raw)
    token = form.pop(FORM_TOKEN, "")
    if not hmac.compare_digest(token.encode(), layout.form_token.encode()):
        raise CrossSiteForm
    return form


def _showed_flash(raw: Request, response: Response) -> bool:
    """Return whether a response is a whole page, which includes the flash message."""
    return raw.get_first_header(b"HX-Request") is None and response.status < 300


def mount_routes(application: Application, dispatcher: PageDispatcher, table: RouteTable) -> None:
    """Serve a route table; any other path of the cabinet is a page with status 404."""
    for route in table.routes:
        handler = dispatcher.serve(route)
        application.router.add(route.method, route.path, handler)
        if route.method == "GET":
            application.router.add("HEAD", route.path, handler)
    missing = dispatcher.serve(
        Route(method="GET", path=f"{ROOT}/*", handle=_not_found, role=Role.VIEWER)
    )
    for method in ("GET", "HEAD"):
        application.router.add(method, f"{ROOT}/*", missing)


async def _not_found(request: PageRequest) -> Response:
    raise NotFound(f"there is no page {request.raw.path}")
