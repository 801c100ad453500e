"""Invite somebody to a partner's team, change a role, reset a password, remove somebody."""

import base64
from uuid import UUID

from domain.actions.cabinet.ports import TeamPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import of_inviting
from domain.cabinet.members import ONE_TIME_BYTES, Invited, Member, Role
from domain.errors import AuthInvalid, InvalidTransition
from domain.partners.credentials import Randomness
from domain.partners.partner import checked_email


class TeamUnchanged(InvalidTransition):
    """A team would have no owner left, or who asks is none any more, or somebody is gone."""


class CannotInvite(InvalidTransition):
    """Somebody has this address already, or there is no room in the team."""


def one_time_password(randomness: Randomness) -> str:
    """Return a fresh password for choosing another: 120 random bits."""
    return base64.urlsafe_b64encode(randomness(ONE_TIME_BYTES)).decode()


async def invite(ports: TeamPorts, actor: Member, *, email: str, role: Role) -> str:
    """Add somebody to the team; return the only sight of the one-time password.

    Raises InvalidRequest for what isn't an address, CannotInvite, RateLimited after too many of
    those, and Unavailable.
    """
    invited = Invited(ports.new_id(), checked_email(email), role)
    password = one_time_password(ports.randomness)
    hashed = await ports.passwords.hash(password)
    try:
        async with throttled(ports.attempts, of_inviting(actor.partner_id), clock=ports.clock):
            await _add(ports, actor, invited, hashed)
    except AuthInvalid:
        raise CannotInvite(invited.email) from None
    return password


async def _add(ports: TeamPorts, actor: Member, invited: Invited, hashed: str) -> None:
    if not await ports.team.invite(actor, invited, password_hash=hashed, now=ports.clock.now()):
        raise AuthInvalid


async def change_role(ports: TeamPorts, actor: Member, member_id: UUID, role: Role) -> str:
    """Give somebody another role, which signs them out; return their address.

    Raises TeamUnchanged, Unavailable.
    """
    email = await ports.team.set_role(actor, member_id, role, now=ports.clock.now())
    if email is None:
        raise TeamUnchanged(f"the role of {member_id} stays")
    return email


async def remove(ports: TeamPorts, actor: Member, member_id: UUID) -> str:
    """Remove somebody, who is signed out by that; return their address. Raises TeamUnchanged."""
    email = await ports.team.remove(actor, member_id)
    if email is None:
        raise TeamUnchanged(f"{member_id} stays")
    return email


async def reset_password(ports: TeamPorts, actor: Member, member_id: UUID) -> tuple[str, str]:
    """Give somebody a one-time password; return their address and the only sight of it.

    It signs them out; their second factor stays. Raises TeamUnchanged, Unavailable.
    """
    password = one_time_password(ports.randomness)
    hashed = await ports.passwords.hash(password)
    email = await ports.team.set_one_time_password(actor, member_id, hashed, now=ports.clock.now())
    if email is None:
        raise TeamUnchanged(f"the password of {member_id} stays")
    return email, password
