"""`/partner/account`: one's own password and time zone; and the first password of one's own."""

from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.account.account_view import zones
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.choose_password import choose_password
from domain.cabinet.members import Role, checked_zone
from domain.cabinet.passwords import RejectedPassword
from domain.cabinet.sessions import FlashMessage
from domain.errors import AuthInvalid, InvalidRequest, RateLimited
from gateway.cabinet.account.sessions import sessions_of
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import NEW_PASSWORD, ROOT, Route, Section
from gateway.http.pages import redirect

PATH = Section.ACCOUNT.path
NO_FAULTS: Mapping[str, str] = {}


async def show(visit: PageRequest) -> Response:
    """Show one's own account."""
    return await _page(visit)


async def show_new_password(visit: PageRequest) -> Response:
    """Ask for a password of one's own."""
    return visit.page("new_password.html", faults=NO_FAULTS)


async def change_password(visit: PageRequest) -> Response:
    """Replace the password; this browser stays signed in, in a new session."""
    chosen = visit.form.get("chosen", "")
    if chosen != visit.form.get("again", ""):
        return await _refused(visit, {"again": sentences.NOT_REPEATED})
    cabinet = visit.cabinet
    try:
        signed_in = await choose_password(
            cabinet.signing_in,
            visit.member,
            former=visit.form.get("former", ""),
            chosen=chosen,
            browser=cabinet.browser_of(visit.request),
            proved_at=visit.session.proved_at,
        )
    except AuthInvalid:
        return await _refused(visit, {"former": sentences.WRONG_PASSWORD})
    except RateLimited as error:
        return await _refused(visit, {"former": sentences.too_often(error.retry_after)})
    except RejectedPassword as refused:
        return await _refused(visit, {"chosen": sentences.password_fault(refused.fault)})
    await visit.record("Changed the password")
    await cabinet.signing_in.sessions.say(
        signed_in.session, FlashMessage(sentences.PASSWORD_CHANGED)
    )
    there = ROOT if visit.member.one_time else PATH
    return redirect(303, there, HEADERS, cabinet.cookie(signed_in.name))


async def set_zone(visit: PageRequest) -> Response:
    """Put down the time zone that times are shown in."""
    signing_in = visit.cabinet.signing_in
    try:
        zone = checked_zone(visit.form.get("zone", ""))
    except InvalidRequest:
        return await _page(visit, status=422, faults={"zone": sentences.NO_ZONE})
    await signing_in.members.set_zone(visit.member.id, zone, now=signing_in.clock.now())
    return await visit.go(PATH, f"Times are shown in the zone {zone} from now on.")


async def _refused(visit: PageRequest, faults: Mapping[str, str]) -> Response:
    if visit.member.one_time:
        return visit.page("new_password.html", status=422, faults=faults)
    return await _page(visit, status=422, faults=faults)


async def _page(
    visit: PageRequest, *, status: int = 200, faults: Mapping[str, str] = NO_FAULTS
) -> Response:
    return visit.page(
        "account.html",
        status=status,
        faults=faults,
        zones=zones(visit.member.zone),
        sessions=await sessions_of(visit),
        present=visit.session.id,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.ACCOUNT),
    Route(
        method="POST",
        path=f"{PATH}/password",
        handle=change_password,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
    ),
    Route(
        method="POST",
        path=f"{PATH}/zone",
        handle=set_zone,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
    ),
    Route(
        method="GET",
        path=NEW_PASSWORD,
        handle=show_new_password,
        role=Role.VIEWER,
        before_password=True,
    ),
    Route(
        method="POST",
        path=NEW_PASSWORD,
        handle=change_password,
        role=Role.VIEWER,
        before_password=True,
    ),
)
