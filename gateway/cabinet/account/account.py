"""`/partner/account`: password and time zone; `/partner/new-password`: the first own password."""

from collections.abc import Mapping

import msgspec
from blacksheep import Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.account.time_zones import zones
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.change_password import change_password
from domain.cabinet.members import Role, checked_zone
from domain.cabinet.passwords import RejectedPassword
from domain.cabinet.sessions import FlashMessage
from domain.errors import AuthInvalid, InvalidCommand, RateLimited
from gateway.cabinet.account.sessions import sessions_of
from gateway.cabinet.page_request import NO_ERRORS, PageRequest
from gateway.cabinet.routes import NEW_PASSWORD, ROOT, Route, Section, StepUp
from gateway.http.pages import redirect

PATH = Section.ACCOUNT.path


async def show(request: PageRequest) -> Response:
    """Show the member's account."""
    return await _page(request)


async def show_new_password(request: PageRequest) -> Response:
    """Ask for a password to replace the one-time password."""
    return request.page("account/new_password.html", errors=NO_ERRORS)


async def save_password(request: PageRequest) -> Response:
    """Replace the password; this browser stays signed in, in a new session."""
    new = request.form.get("new_password", "")
    if new != request.form.get("repeated_password", ""):
        return await _rejected(request, {"repeated_password": account_messages.NOT_REPEATED})
    sign_in = request.ports.sign_in
    try:
        signed_in = await change_password(
            sign_in,
            request.member,
            current=request.form.get("current_password", ""),
            new=new,
            browser=request.cabinet.browser_of(request.raw),
            verified_at=request.session.verified_at,
        )
    except AuthInvalid:
        return await _rejected(request, {"current_password": account_messages.WRONG_PASSWORD})
    except RateLimited as limited:
        error = messages.too_many_attempts(limited.retry_after)
        return await _rejected(request, {"current_password": error})
    except RejectedPassword as rejected:
        error = account_messages.PASSWORD_PROBLEMS[rejected.problem]
        return await _rejected(request, {"new_password": error})
    await request.record("Changed the password")
    flash = FlashMessage(account_messages.PASSWORD_CHANGED)
    await sign_in.sessions.set_flash(signed_in.session, flash)
    next_path = ROOT if request.member.must_change_password else PATH
    member = msgspec.structs.replace(request.member, must_change_password=False)
    cookies = [
        *request.cabinet.session_cookies(signed_in.cookie),
        *request.cabinet.remember_device(request.raw, member, signed_in.session),
    ]
    return redirect(303, next_path, HEADERS, *cookies)


async def save_zone(request: PageRequest) -> Response:
    """Set the time zone that times are shown in."""
    sign_in = request.ports.sign_in
    try:
        zone = checked_zone(request.form.get("zone", ""))
    except InvalidCommand:
        return await _page(request, status=422, errors={"zone": messages.NOT_AN_OPTION})
    await sign_in.members.set_zone(request.member.id, zone, now=sign_in.clock.now())
    return await request.redirect(PATH, account_messages.zone_changed(zone))


async def _rejected(request: PageRequest, errors: Mapping[str, str]) -> Response:
    if request.member.must_change_password:
        return request.page("account/new_password.html", status=422, errors=errors)
    return await _page(request, status=422, errors=errors)


async def _page(
    request: PageRequest, *, status: int = 200, errors: Mapping[str, str] = NO_ERRORS
) -> Response:
    return request.page(
        "account/account.html",
        status=status,
        errors=errors,
        zones=zones(request.member.zone),
        sessions=await sessions_of(request),
        current_session=request.session.id,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.ACCOUNT),
    Route(
        method="POST",
        path=f"{PATH}/password",
        handle=save_password,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        section=Section.ACCOUNT,
    ),
    Route(
        method="POST",
        path=f"{PATH}/zone",
        handle=save_zone,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        section=Section.ACCOUNT,
    ),
    Route(
        method="GET",
        path=NEW_PASSWORD,
        handle=show_new_password,
        role=Role.VIEWER,
        with_one_time_password=True,
    ),
    Route(
        method="POST",
        path=NEW_PASSWORD,
        handle=save_password,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        with_one_time_password=True,
    ),
)
