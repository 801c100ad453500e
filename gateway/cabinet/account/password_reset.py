"""`/partner/reset`: request a link by email, and choose a new password with it."""

from collections.abc import Mapping
from typing import Final

from blacksheep import Request, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.ports import PasswordResetPorts
from domain.actions.cabinet.reset_password import (
    is_valid_link,
    request_password_reset,
    reset_password,
)
from domain.cabinet.password_reset import PATH as CHOOSE
from domain.cabinet.passwords import RejectedPassword
from domain.errors import AuthInvalid, RateLimited
from gateway.cabinet.account.sign_in import PASSWORD_RESET, SignedOutRoute
from gateway.cabinet.context import CabinetContext
from gateway.cabinet.page_request import NO_ERRORS
from gateway.cabinet.routes import LOGIN, ROOT
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect, retry_after

REQUEST: Final = f"{ROOT}/reset"


class PasswordResetPages:
    """Handlers for members who have forgotten their password."""

    def __init__(self, cabinet: CabinetContext) -> None:
        self._cabinet = cabinet

    @property
    def _ports(self) -> PasswordResetPorts:
        return self._cabinet.ports.resets

    def routes(self) -> list[SignedOutRoute]:
        """Return the pages: method, path and handler."""
        return [
            ("GET", REQUEST, self.show_request),
            ("POST", REQUEST, self.submit_request),
            ("GET", CHOOSE, self.show_choice),
            ("POST", CHOOSE, self.submit_choice),
        ]

    async def show_request(self, _: Request) -> Response:
        """Ask for an email address, or state that no emails are sent here."""
        return self._request_page(200)

    async def submit_request(self, request: Request) -> Response:
        """Request a link. The response is the same whether or not the address is a member's."""
        email = (await form_of(request)).get("email", "")
        if not self._ports.available:
            return self._request_page(404)
        address = self._cabinet.address_of(request)
        try:
            await request_password_reset(self._ports, email=email, address=address)
        except RateLimited as limited:
            error = messages.too_many_attempts(limited.retry_after)
            return self._request_page(429, email=email, error=error, wait=limited.retry_after)
        return self._request_page(200, requested=True)

    async def show_choice(self, request: Request) -> Response:
        """Ask for a new password. Opening the link does not use it up: programs open links too."""
        token = query_of(request).get("token", "")
        if not await is_valid_link(self._ports, token):
            return self._expired()
        return self._choice_page(token)

    async def submit_choice(self, request: Request) -> Response:
        """Replace the password; the member then signs in with it, and with the second factor."""
        form = await form_of(request)
        token, new = form.get("token", ""), form.get("new_password", "")
        if new != form.get("repeated_password", ""):
            errors = {"repeated_password": account_messages.NOT_REPEATED}
            return self._choice_page(token, status=422, errors=errors)
        try:
            reset = await reset_password(self._ports, token=token, new=new)
        except AuthInvalid:
            return self._expired()
        except RejectedPassword as rejected:
            errors = {"new_password": account_messages.PASSWORD_PROBLEMS[rejected.problem]}
            return self._choice_page(token, status=422, errors=errors)
        address = self._cabinet.address_of(request)
        await self._cabinet.record(reset.member, address, "Reset the password by email")
        device = self._cabinet.device_cookie(reset.device)
        return redirect(303, f"{LOGIN}?{PASSWORD_RESET}=1", HEADERS, device)

    def _expired(self) -> Response:
        return self._request_page(403, error=account_messages.LINK_EXPIRED)

    def _request_page(
        self,
        status: int,
        *,
        email: str = "",
        error: str | None = None,
        requested: bool = False,
        wait: int | None = None,
    ) -> Response:
        html = self._cabinet.site.public_page(
            "account/reset.html",
            email=email,
            error=error,
            requested=requested,
            available=self._ports.available,
        )
        return page(status, html, HEADERS, *retry_after(wait))

    def _choice_page(
        self, token: str, *, status: int = 200, errors: Mapping[str, str] = NO_ERRORS
    ) -> Response:
        html = self._cabinet.site.public_page(
            "account/reset_choose.html", token=token, errors=errors
        )
        return page(status, html, HEADERS)
