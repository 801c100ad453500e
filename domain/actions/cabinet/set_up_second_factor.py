"""Set up a second factor: create a secret, then confirm it with a code of the app."""

from domain.actions.cabinet.ports import SecondFactorPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import member_key
from domain.cabinet.members import Member
from domain.cabinet.second_factor import (
    matching_step,
    new_factor_secret,
    new_recovery_codes,
    normalized_code,
    recovery_hash,
)
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid, InvalidTransition


async def begin_second_factor(ports: SecondFactorPorts, member: Member, *, password: str) -> None:
    """Store a new secret that is to be confirmed. Requires the member's password.

    Without the password, anyone at an unattended browser could lock its owner out. Raises
    AuthInvalid for a wrong password, InvalidTransition if a second factor is already on,
    RateLimited, Unavailable.
    """
    stored = await ports.members.password_by_id(member.id)
    async with throttled(ports.throttle, member_key(member.id), clock=ports.clock):
        hashed = stored.password_hash if stored else None
        if not await ports.passwords.verify(password, hashed, known=True):
            raise AuthInvalid
    secret = new_factor_secret(ports.randomness)
    if not await ports.factors.begin(member.id, secret, now=ports.clock.now()):
        raise InvalidTransition("a second factor is already on")


async def confirm_second_factor(
    ports: SecondFactorPorts, member: Member, session: Session, *, code: str
) -> list[str]:
    """Confirm the secret with a code; return the recovery codes, of which only hashes are stored.

    Raises AuthInvalid for a wrong code, InvalidTransition if no secret awaits confirmation,
    RateLimited, Unavailable.
    """
    now = ports.clock.now()
    factor = await ports.factors.find(member.id, now=now)
    if factor is None or factor.confirmed:
        raise InvalidTransition("no second factor is being set up")
    async with throttled(ports.throttle, member_key(member.id), clock=ports.clock):
        step = matching_step(factor.secret, normalized_code(code), now=now)
        if step is None:
            raise AuthInvalid
    codes = new_recovery_codes(ports.randomness)
    hashes = [recovery_hash(one) for one in codes]
    if not await ports.factors.confirm(member.id, step=step, recovery_hashes=hashes, now=now):
        raise InvalidTransition("the second factor was confirmed in the meantime")
    await ports.sessions.mark_verified(session, now)
    return codes


async def renew_recovery_codes(ports: SecondFactorPorts, member: Member) -> list[str]:
    """Replace all recovery codes; return the new ones, of which only hashes are stored.

    Raises InvalidTransition without a second factor, and Unavailable.
    """
    codes = new_recovery_codes(ports.randomness)
    hashes = [recovery_hash(one) for one in codes]
    if not await ports.factors.replace_recovery_codes(member.id, hashes):
        raise InvalidTransition("there is no second factor")
    return codes
