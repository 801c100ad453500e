"""Give a code of one's second factor, so that this session may do what asks for one."""

from datetime import datetime

from domain.actions.cabinet.ports import SecondFactorPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import of_member
from domain.cabinet.members import Member
from domain.cabinet.second_factor import (
    FRESH,
    RECOVERY_LENGTH,
    matching_step,
    recovery_hash,
    typed_code,
)
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid


def is_fresh(session: Session, *, now: datetime) -> bool:
    """Tell whether a code was given in a session a moment ago."""
    return session.proved_at is not None and now - session.proved_at <= FRESH


async def prove_second_factor(
    ports: SecondFactorPorts, member: Member, session: Session, *, code: str
) -> int | None:
    """Take a code of the app, or a recovery code, each of them once.

    Returns how many recovery codes are left where it was one. Raises AuthInvalid for a wrong or
    used code, RateLimited where too many were wrong, and Unavailable.
    """
    now = ports.clock.now()
    async with throttled(ports.attempts, of_member(member.id), clock=ports.clock):
        left = await _used(ports, member, typed_code(code), now=now)
    await ports.sessions.prove(session, now)
    return left


async def _used(
    ports: SecondFactorPorts, member: Member, code: str, *, now: datetime
) -> int | None:
    if len(code) == RECOVERY_LENGTH:
        left = await ports.factors.use_recovery(member.id, recovery_hash(code))
        if left is None:
            raise AuthInvalid
        return left
    factor = await ports.factors.find(member.id, now=now)
    step = matching_step(factor.secret, code, now=now) if factor and factor.confirmed else None
    if step is None or not await ports.factors.use_step(member.id, step):
        raise AuthInvalid
    return None
