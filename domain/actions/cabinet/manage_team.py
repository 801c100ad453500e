"""Invite a team member, change a role, reset a password, remove a member."""

import base64
from uuid import UUID

from domain.actions.cabinet.ports import TeamPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import invitation_key
from domain.cabinet.members import ONE_TIME_PASSWORD_BYTES, Member, NewMember, Role
from domain.errors import AuthInvalid, InvalidTransition
from domain.partners.credentials import Randomness
from domain.partners.partner import checked_email


class TeamChangeRejected(InvalidTransition):
    """The last owner would be lost, the actor is no longer an owner, or the member is gone."""


class InvitationRejected(InvalidTransition):
    """The email address is already registered, or the team is full."""


def one_time_password(randomness: Randomness) -> str:
    """Return a new one-time password of 120 random bits."""
    return base64.urlsafe_b64encode(randomness(ONE_TIME_PASSWORD_BYTES)).decode()


async def invite(ports: TeamPorts, actor: Member, *, email: str, role: Role) -> str:
    """Add a member to the team; return the one-time password, which is not stored.

    Raises InvalidCommand for an invalid address, InvitationRejected, RateLimited after too many
    rejected invitations, and Unavailable.
    """
    member = NewMember(ports.new_id(), checked_email(email), role)
    password = one_time_password(ports.randomness)
    hashed = await ports.passwords.hash(password)
    try:
        async with throttled(ports.throttle, invitation_key(actor.partner_id), clock=ports.clock):
            await _add(ports, actor, member, hashed)
    except AuthInvalid:
        raise InvitationRejected(member.email) from None
    return password


async def _add(ports: TeamPorts, actor: Member, member: NewMember, hashed: str) -> None:
    if not await ports.team.invite(actor, member, password_hash=hashed, now=ports.clock.now()):
        raise AuthInvalid  # counted as a failed attempt


async def change_role(ports: TeamPorts, actor: Member, member_id: UUID, role: Role) -> str:
    """Change a member's role, which signs the member out; return the member's email address.

    Raises TeamChangeRejected, Unavailable.
    """
    email = await ports.team.set_role(actor, member_id, role, now=ports.clock.now())
    if email is None:
        raise TeamChangeRejected(f"the role of {member_id} was not changed")
    return email


async def remove(ports: TeamPorts, actor: Member, member_id: UUID) -> str:
    """Remove a member, which signs the member out; return the member's email address.

    Raises TeamChangeRejected, Unavailable.
    """
    email = await ports.team.remove(actor, member_id)
    if email is None:
        raise TeamChangeRejected(f"{member_id} was not removed")
    return email


async def require_second_factor(ports: TeamPorts, actor: Member, *, required: bool) -> None:
    """Require a second factor of the whole team, or no longer.

    Members without one can do nothing else until they have set one up. Raises TeamChangeRejected,
    Unavailable.
    """
    if not await ports.team.require_second_factor(actor, required=required):
        raise TeamChangeRejected("the requirement of a second factor was not changed")


async def reset_password(ports: TeamPorts, actor: Member, member_id: UUID) -> tuple[str, str]:
    """Replace a member's password; return the email address and the new one-time password.

    The one-time password is not stored. The member is signed out; the second factor is unchanged.
    Raises TeamChangeRejected, Unavailable.
    """
    password = one_time_password(ports.randomness)
    hashed = await ports.passwords.hash(password)
    email = await ports.team.set_one_time_password(actor, member_id, hashed, now=ports.clock.now())
    if email is None:
        raise TeamChangeRejected(f"the password of {member_id} was not reset")
    return email, password
