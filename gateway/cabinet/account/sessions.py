"""`/partner/account/sessions`: sign out on another browser, or on all of them."""

from blacksheep import Response

from cabinet_htmx.partner.account import messages
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.sign_in import sign_out
from domain.actions.cabinet.sign_out_elsewhere import sign_out_elsewhere
from domain.cabinet.members import Role
from domain.cabinet.sessions import FlashMessage, Session
from domain.errors import NotFound
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section, StepUp
from gateway.http.pages import redirect

PATH = f"{Section.ACCOUNT.path}/sessions"
ACCOUNT = Section.ACCOUNT.path


async def sessions_of(request: PageRequest) -> list[Session]:
    """Return the member's sessions: the current one first, then the most recently used."""
    sessions = request.ports.sign_in.sessions
    stored = await sessions.list_of(request.member.id, now=request.now)
    active = [one for one in stored if one.epoch == request.member.epoch]
    return sorted(active, key=lambda one: one.id != request.session.id)


async def end_one(request: PageRequest) -> Response:
    """Sign out on one other browser."""
    session_id = request.parameters["id"]
    if session_id not in {one.id for one in await sessions_of(request)}:
        raise NotFound("no such session of this member")
    await sign_out(request.ports.sign_in, request.member.id, session_id)
    await request.record("Signed out another browser")
    return await request.redirect(ACCOUNT, messages.BROWSER_SIGNED_OUT)


async def end_others(request: PageRequest) -> Response:
    """Sign out everywhere else; this browser continues in a new session."""
    sign_in = request.ports.sign_in
    signed_in = await sign_out_elsewhere(
        sign_in,
        request.member,
        request.session,
        browser=request.cabinet.browser_of(request.raw),
    )
    await request.record("Signed out everywhere else")
    flash = FlashMessage(messages.SIGNED_OUT_ELSEWHERE)
    await sign_in.sessions.set_flash(signed_in.session, flash)
    cookies = [
        *request.cabinet.session_cookies(signed_in.cookie),
        *request.cabinet.remember_device(request.raw, request.member, signed_in.session),
    ]
    return redirect(303, ACCOUNT, HEADERS, *cookies)


ROUTES = (
    Route(
        method="POST",
        path=f"{PATH}/others/end",
        handle=end_others,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        section=Section.ACCOUNT,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/end",
        handle=end_one,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        section=Section.ACCOUNT,
    ),
)
