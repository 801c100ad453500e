"""`/partner/team`: the partner's team and its roles."""

from collections.abc import Mapping
from uuid import UUID

from blacksheep import Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.account.team_view import ROLES, Invitation
from domain.actions.cabinet.manage_team import (
    InvitationRejected,
    TeamChangeRejected,
    change_role,
    invite,
    remove,
    require_second_factor,
    reset_password,
)
from domain.cabinet.members import Role
from domain.errors import InvalidCommand, NotFound, RateLimited
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import LOGIN, Handler, Route, Section, StepUp

PATH = Section.TEAM.path


async def show(request: PageRequest) -> Response:
    """Show the team."""
    return await _page(request)


async def invite_member(request: PageRequest) -> Response:
    """Add a member, and show the one-time password once."""
    email, role = request.form.get("email", ""), _role(request)
    try:
        password = await invite(request.ports.team, request.member, email=email, role=role)
    except InvitationRejected:
        errors = {"email": account_messages.INVITATION_REJECTED}
        return await _page(request, 422, errors, email=email, role=role)
    except InvalidCommand:
        errors = {"email": account_messages.INVALID_EMAIL}
        return await _page(request, 422, errors, email=email, role=role)
    except RateLimited as limited:
        errors = {"email": messages.too_many_attempts(limited.retry_after)}
        return await _page(request, 429, errors, email=email, role=role)
    invited = email.strip().lower()
    await request.record(f"Invited a {role.value}", invited)
    return _one_time_password(request, invited, password)


async def set_role(request: PageRequest) -> Response:
    """Change a member's role, which signs the member out."""
    member_id, role = await _id_of(request), _role(request)
    try:
        email = await change_role(request.ports.team, request.member, member_id, role)
    except TeamChangeRejected:
        return await request.redirect(PATH, account_messages.LAST_OWNER, success=False)
    await request.record(f"Changed a role to {role.value}", email)
    return await request.redirect(PATH, account_messages.role_changed(email, role))


async def remove_member(request: PageRequest) -> Response:
    """Remove a member, which signs the member out."""
    try:
        email = await remove(request.ports.team, request.member, await _id_of(request))
    except TeamChangeRejected:
        return await request.redirect(PATH, account_messages.LAST_OWNER, success=False)
    await request.record("Removed a team member", email)
    return await request.redirect(PATH, account_messages.member_removed(email))


async def reset_member(request: PageRequest) -> Response:
    """Give another member a one-time password, and show it once."""
    member_id = await _id_of(request)
    if member_id == request.member.id:
        raise InvalidCommand("members change their own password on the account page")
    try:
        email, password = await reset_password(request.ports.team, request.member, member_id)
    except TeamChangeRejected:
        return await request.redirect(PATH, account_messages.LAST_OWNER, success=False)
    await request.record("Reset a password", email)
    return _one_time_password(request, email, password)


async def save_requirement(request: PageRequest) -> Response:
    """Require a second factor of the whole team, or no longer."""
    chosen = request.form.get("required", "")
    if chosen not in ("yes", "no"):
        raise InvalidCommand("no such choice")
    required = chosen == "yes"
    try:
        await require_second_factor(request.ports.team, request.member, required=required)
    except TeamChangeRejected:
        return await request.redirect(PATH, account_messages.LAST_OWNER, success=False)
    action = "Required" if required else "No longer required"
    await request.record(f"{action} two-factor authentication of the team")
    return await request.redirect(PATH, account_messages.factor_required(required=required))


async def _id_of(request: PageRequest) -> UUID:
    """Return the member's id from the path; raise NotFound unless it is of this team."""
    member_id = request.id_of("id")
    team = await request.ports.team.team.members_of(request.partner_id)
    if member_id not in {one.id for one in team}:
        raise NotFound("no such member of this team")
    return member_id


def _role(request: PageRequest) -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        raise InvalidCommand("no such role") from None


def _one_time_password(request: PageRequest, email: str, password: str) -> Response:
    invitation = Invitation(email, password, f"{request.origin}{LOGIN}")
    return request.page("account/one_time_password.html", invitation=invitation)


async def _page(
    request: PageRequest,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    *,
    email: str = "",
    role: Role = Role.VIEWER,
) -> Response:
    return request.page(
        "account/team.html",
        status=status,
        team=await request.ports.team.team.members_of(request.partner_id),
        roles=ROLES,
        errors=errors or {},
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
        step_up=StepUp.REQUIRED,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.TEAM),
    _change("invite", invite_member),
    _change("second-factor", save_requirement),
    _change("{id}/role", set_role),
    _change("{id}/remove", remove_member),
    _change("{id}/password", reset_member),
)
