"""`/partner/team`: who signs in for the partner, and as what."""

from collections.abc import Mapping
from uuid import UUID

from blacksheep import Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.account.team_view import ROLES, Invitation
from domain.actions.cabinet.manage_team import (
    CannotInvite,
    TeamUnchanged,
    change_role,
    invite,
    remove,
    reset_password,
)
from domain.cabinet.members import Role
from domain.errors import InvalidRequest, NotFound, RateLimited
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import LOGIN, Handler, Route, Section

PATH = Section.TEAM.path


async def show(visit: PageRequest) -> Response:
    """Show the team."""
    return await _page(visit)


async def invite_one(visit: PageRequest) -> Response:
    """Add somebody, and show their one-time password, this once."""
    email, role = visit.form.get("email", ""), _role(visit)
    try:
        password = await invite(visit.cabinet.parts.team, visit.member, email=email, role=role)
    except CannotInvite:
        return await _page(visit, 422, {"email": sentences.NOT_INVITED}, email=email, role=role)
    except InvalidRequest:
        return await _page(visit, 422, {"email": sentences.NOT_ADDRESS}, email=email, role=role)
    except RateLimited as error:
        fault = sentences.too_often(error.retry_after)
        return await _page(visit, 429, {"email": fault}, email=email, role=role)
    invited = email.strip().lower()
    await visit.record(f"Invited somebody as {role.value}", invited)
    return _one_time(visit, invited, password)


async def set_role(visit: PageRequest) -> Response:
    """Change somebody's role, which signs them out."""
    member_id, role = await _id_of(visit), _role(visit)
    try:
        email = await change_role(visit.cabinet.parts.team, visit.member, member_id, role)
    except TeamUnchanged:
        return await visit.go(PATH, sentences.LAST_OWNER, good=False)
    await visit.record(f"Made somebody {role.value}", email)
    return await visit.go(PATH, f"{email} is {role.value} now, and has to sign in again.")


async def remove_one(visit: PageRequest) -> Response:
    """Remove somebody, who is signed out by that."""
    try:
        email = await remove(visit.cabinet.parts.team, visit.member, await _id_of(visit))
    except TeamUnchanged:
        return await visit.go(PATH, sentences.LAST_OWNER, good=False)
    await visit.record("Removed somebody from the team", email)
    return await visit.go(PATH, f"{email} is no longer in the team.")


async def reset_one(visit: PageRequest) -> Response:
    """Give somebody else a one-time password, and show it, this once."""
    member_id = await _id_of(visit)
    if member_id == visit.member.id:
        raise InvalidRequest("one's own password is changed on the page Account")
    try:
        email, password = await reset_password(visit.cabinet.parts.team, visit.member, member_id)
    except TeamUnchanged:
        return await visit.go(PATH, sentences.LAST_OWNER, good=False)
    await visit.record("Gave somebody a one-time password", email)
    return _one_time(visit, email, password)


async def _id_of(visit: PageRequest) -> UUID:
    """Return whose id stands in the path; raise NotFound for anybody who isn't of this team."""
    member_id = visit.id_of("id")
    team = await visit.cabinet.parts.team.team.all_of(visit.member.partner_id)
    if member_id not in {one.id for one in team}:
        raise NotFound("nobody of this team")
    return member_id


def _role(visit: PageRequest) -> Role:
    try:
        return Role(visit.form.get("role", ""))
    except ValueError:
        raise InvalidRequest("no such role") from None


def _one_time(visit: PageRequest, email: str, password: str) -> Response:
    host = (visit.request.get_first_header(b"Host") or b"").decode("latin-1")
    scheme = "https" if visit.cabinet.parts.secure else "http"
    invitation = Invitation(email, password, f"{scheme}://{host}{LOGIN}")
    return visit.page("one_time.html", invitation=invitation)


async def _page(
    visit: PageRequest,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    *,
    email: str = "",
    role: Role = Role.VIEWER,
) -> Response:
    return visit.page(
        "team.html",
        status=status,
        team=await visit.cabinet.parts.team.team.all_of(visit.member.partner_id),
        roles=ROLES,
        faults=faults or {},
        email=email,
        role=role,
    )


def _change(path: str, handle: Handler) -> Route:
    return Route(
        method="POST",
        path=f"{PATH}/{path}",
        handle=handle,
        role=Role.OWNER,
        section=Section.TEAM,
        fresh=True,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.TEAM),
    _change("invite", invite_one),
    _change("{id}/role", set_role),
    _change("{id}/remove", remove_one),
    _change("{id}/password", reset_one),
)
