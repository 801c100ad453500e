"""Enter a code of the second factor, which unlocks sensitive actions in this session."""

from datetime import datetime

from domain.actions.cabinet.ports import SecondFactorPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import member_key
from domain.cabinet.members import Member
from domain.cabinet.second_factor import (
    RECOVERY_LENGTH,
    STEP_UP_LIFETIME,
    matching_step,
    normalized_code,
    recovery_hash,
)
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid


def is_recently_verified(session: Session, *, now: datetime) -> bool:
    """Return whether a code was entered in this session within the last few minutes."""
    return session.verified_at is not None and now - session.verified_at <= STEP_UP_LIFETIME


async def verify_second_factor(
    ports: SecondFactorPorts, member: Member, session: Session, *, code: str
) -> int | None:
    """Accept a code of the app or a recovery code, each of them once.

    Returns the number of recovery codes left if `code` was one, else None. Raises AuthInvalid for a
    wrong or used code, RateLimited after too many wrong codes, and Unavailable.
    """
    now = ports.clock.now()
    async with throttled(ports.throttle, member_key(member.id), clock=ports.clock):
        left = await _use(ports, member, normalized_code(code), now=now)
    await ports.sessions.mark_verified(session, now)
    return left


async def _use(ports: SecondFactorPorts, member: Member, code: str, *, now: datetime) -> int | None:
    if len(code) == RECOVERY_LENGTH:
        left = await ports.factors.use_recovery_code(member.id, recovery_hash(code))
        if left is None:
            raise AuthInvalid
        return left
    factor = await ports.factors.find(member.id, now=now)
    step = matching_step(factor.secret, code, now=now) if factor and factor.confirmed else None
    if step is None or not await ports.factors.use_step(member.id, step):
        raise AuthInvalid
    return None
