"""`/partner/account/sessions`: sign out on one other browser, or on all of them."""

from blacksheep import Response

from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.sign_in import sign_out
from domain.actions.cabinet.sign_out_elsewhere import sign_out_elsewhere
from domain.cabinet.members import Role
from domain.cabinet.sessions import FlashMessage, Session
from domain.errors import NotFound
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section
from gateway.http.pages import redirect

PATH = f"{Section.ACCOUNT.path}/sessions"
BACK = Section.ACCOUNT.path


async def sessions_of(visit: PageRequest) -> list[Session]:
    """Return one's own sessions that go on, this one first, then the last used."""
    store = visit.cabinet.signing_in.sessions
    every = await store.all_of(visit.member.id, now=visit.now)
    alive = [one for one in every if one.epoch == visit.member.epoch]
    return sorted(alive, key=lambda one: one.id != visit.session.id)


async def end_one(visit: PageRequest) -> Response:
    """Sign out on one other browser."""
    ended = visit.parameters["id"]
    if ended not in {one.id for one in await sessions_of(visit)}:
        raise NotFound("no session of this member")
    await sign_out(visit.cabinet.signing_in, visit.member.id, ended)
    await visit.record("Signed out another browser")
    return await visit.go(BACK, "That browser is signed out.")


async def end_others(visit: PageRequest) -> Response:
    """Sign out everywhere else; this browser goes on in a new session."""
    cabinet = visit.cabinet
    signed_in = await sign_out_elsewhere(
        cabinet.signing_in,
        visit.member,
        visit.session,
        browser=cabinet.browser_of(visit.request),
    )
    await visit.record("Signed out everywhere else")
    said = FlashMessage("You are signed out everywhere else.")
    await cabinet.signing_in.sessions.say(signed_in.session, said)
    return redirect(303, BACK, HEADERS, cabinet.cookie(signed_in.name))


ROUTES = (
    Route(
        method="POST",
        path=f"{PATH}/others/end",
        handle=end_others,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/end",
        handle=end_one,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
    ),
)
