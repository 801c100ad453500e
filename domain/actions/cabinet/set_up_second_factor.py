"""Set up a second factor: a secret for an app, then a code that proves that the app has it."""

from domain.actions.cabinet.ports import SecondFactorPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import of_member
from domain.cabinet.members import Member
from domain.cabinet.second_factor import (
    matching_step,
    new_factor_secret,
    new_recovery_codes,
    recovery_hash,
    typed_code,
)
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid, InvalidTransition


async def begin_second_factor(ports: SecondFactorPorts, member: Member, *, password: str) -> None:
    """Keep a fresh secret that is to be confirmed, for who knows the member's password.

    Without it whoever finds a browser signed in could keep its owner out. Raises AuthInvalid for
    another password, InvalidTransition where there is a second factor, RateLimited, Unavailable.
    """
    known = await ports.members.password_of(member.id)
    async with throttled(ports.attempts, of_member(member.id), clock=ports.clock):
        if not await ports.passwords.verify(password, known.password_hash if known else None):
            raise AuthInvalid
    secret = new_factor_secret(ports.randomness)
    if not await ports.factors.begin(member.id, secret, now=ports.clock.now()):
        raise InvalidTransition("there is a second factor already")


async def confirm_second_factor(
    ports: SecondFactorPorts, member: Member, session: Session, *, code: str
) -> list[str]:
    """Confirm the secret by a code of it; return the only sight of the recovery codes.

    Raises AuthInvalid for a wrong code, InvalidTransition where nothing was begun, RateLimited,
    Unavailable.
    """
    now = ports.clock.now()
    factor = await ports.factors.find(member.id, now=now)
    if factor is None or factor.confirmed:
        raise InvalidTransition("no second factor is being set up")
    async with throttled(ports.attempts, of_member(member.id), clock=ports.clock):
        step = matching_step(factor.secret, typed_code(code), now=now)
        if step is None:
            raise AuthInvalid
    codes = new_recovery_codes(ports.randomness)
    hashes = [recovery_hash(one) for one in codes]
    if not await ports.factors.confirm(member.id, step=step, recovery_hashes=hashes, now=now):
        raise InvalidTransition("the second factor was confirmed meanwhile")
    await ports.sessions.prove(session, now)
    return codes


async def renew_recovery_codes(ports: SecondFactorPorts, member: Member) -> list[str]:
    """Replace all recovery codes; return the only sight of them. Raises InvalidTransition."""
    codes = new_recovery_codes(ports.randomness)
    if not await ports.factors.renew_recovery(member.id, [recovery_hash(one) for one in codes]):
        raise InvalidTransition("there is no second factor")
    return codes
