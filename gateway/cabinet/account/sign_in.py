"""`/partner/login` and `/partner/logout`."""

from collections.abc import Iterable
from typing import Final

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.sign_in import Browser, sign_in, sign_out
from domain.cabinet.members import Role
from domain.errors import AuthDisabled, AuthInvalid, DomainError, RateLimited
from gateway.cabinet.account.turns import Turns
from gateway.cabinet.context import CabinetContext
from gateway.cabinet.dispatcher import PageDispatcher
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import LOGIN, ROOT, Route, RouteTable, StepUp, safe_next
from gateway.http.blacksheep import Handler
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect, retry_after

log: Final = structlog.get_logger()

SIGNED_OUT = "out"
CONCURRENT_SIGN_INS: Final = 2
"""Per worker: one is hashed while another is read or answered."""
MAX_WAITING_SIGN_INS: Final = 64
"""Per worker: the last of them waits for some three seconds."""
PASSWORD_RESET = "reset"  # noqa: S105  the name of a parameter

SignedOutRoute = tuple[str, str, Handler]
"""Method, path and handler of a page that requires no session."""

_NOTICES = {
    SIGNED_OUT: account_messages.SIGNED_OUT,
    PASSWORD_RESET: account_messages.PASSWORD_RESET,
}

_REASONS: Final = {
    AuthInvalid: "wrong credentials",
    AuthDisabled: "disabled",
    RateLimited: "too many attempts",
}
"""Why a sign-in is rejected, in the log."""


class SignInPages:
    """Handlers for visitors who are not signed in yet."""

    def __init__(self, cabinet: CabinetContext, table: RouteTable) -> None:
        self._cabinet = cabinet
        self._table = table
        self._turns = Turns(concurrent=CONCURRENT_SIGN_INS, max_waiting=MAX_WAITING_SIGN_INS)

    def routes(self) -> list[SignedOutRoute]:
        """Return the pages: method, path and handler."""
        return [
            ("GET", ROOT, self.home),
            ("GET", LOGIN, self.show),
            ("POST", LOGIN, self.submit),
        ]

    async def home(self, request: Request) -> Response:
        """Redirect to the start page or to the sign-in page."""
        signed_in = await self._cabinet.resume(request)
        path = self._table.home(signed_in.member.role) if signed_in else LOGIN
        return redirect(303, path, HEADERS)

    async def show(self, request: Request) -> Response:
        """Show the sign-in page; redirect a member who is signed in."""
        query = query_of(request)
        next_path = query.get("next", "")
        signed_in = await self._cabinet.resume(request)
        if signed_in is not None:
            path = safe_next(next_path) or self._table.home(signed_in.member.role)
            return redirect(303, path, HEADERS)
        notice = next((text for name, text in _NOTICES.items() if name in query), None)
        return self._page(next_path=next_path, notice=notice)

    async def submit(self, request: Request) -> Response:
        """Sign in: unknown devices one after the other, so that a burst delays no API call."""
        browser = self._cabinet.browser_of(request)
        if browser.device and self._cabinet.ports.sign_in.devices.verify(browser.device):
            return await self._sign_in(request, browser)
        async with self._turns.taken():
            return await self._sign_in(request, browser)

    async def _sign_in(self, request: Request, browser: Browser) -> Response:
        """Sign in, always in a new session, whatever cookie the browser sent (fixation)."""
        form = await form_of(request)
        self._cabinet.session_cookie(request)  # a repeated one ends no session, so it is an error
        email, next_path = form.get("email", ""), form.get("next", "")
        try:
            signed_in = await sign_in(
                self._cabinet.ports.sign_in,
                email=email,
                password=form.get("password", ""),
                browser=browser,
            )
        except (AuthInvalid, AuthDisabled, RateLimited) as error:
            log.warning("sign-in rejected", reason=_REASONS[type(error)], address=browser.address)
            return self._rejected(error, email=email, next_path=next_path)
        await self._end_previous(request)
        await self._cabinet.record(signed_in.member, browser.address, "Signed in")
        path = safe_next(next_path) or self._table.home(signed_in.member.role)
        cookies = [
            *self._cabinet.session_cookies(signed_in.cookie),
            *self._cabinet.remember_device(request, signed_in.member, signed_in.session),
        ]
        return redirect(303, path, HEADERS, *cookies)

    def _rejected(self, error: DomainError, *, email: str, next_path: str) -> Response:
        if isinstance(error, RateLimited):
            wait = error.retry_after
            text = messages.too_many_attempts(wait)
            return self._page(429, email=email, next_path=next_path, error=text, wait=wait)
        text = account_messages.WRONG_CREDENTIALS
        if isinstance(error, AuthDisabled):
            text = account_messages.ACCOUNT_DISABLED
        return self._page(403, email=email, next_path=next_path, error=text)

    async def _end_previous(self, request: Request) -> None:
        previous = await self._cabinet.resume(request)
        if previous is not None:
            await sign_out(self._cabinet.ports.sign_in, previous.member.id, previous.session.id)

    def _page(
        self,
        status: int = 200,
        *,
        next_path: str,
        email: str = "",
        error: str | None = None,
        notice: str | None = None,
        wait: int | None = None,
    ) -> Response:
        html = self._cabinet.site.public_page(
            "account/login.html",
            email=email,
            next_path=safe_next(next_path) or "",
            error=error,
            notice=notice,
        )
        return page(status, html, HEADERS, *retry_after(wait))


async def leave(request: PageRequest) -> Response:
    """Sign out."""
    await sign_out(request.ports.sign_in, request.member.id, request.session.id)
    cookies = request.cabinet.cleared_cookies()
    return redirect(303, f"{LOGIN}?{SIGNED_OUT}=1", HEADERS, *cookies)


ROUTES = (
    Route(
        method="POST",
        path=f"{ROOT}/logout",
        handle=leave,
        role=Role.VIEWER,
        with_one_time_password=True,
        before_verification=True,
        without_second_factor=True,
        step_up=StepUp.NOT_NEEDED,
    ),
)


def mount_signed_out(
    application: Application, routes: Iterable[SignedOutRoute], dispatcher: PageDispatcher
) -> None:
    """Serve the pages that require no session."""
    for method, path, handler in routes:
        handled = dispatcher.with_error_pages(handler)
        application.router.add(method, path, handled)
        if method == "GET":
            application.router.add("HEAD", path, handled)
