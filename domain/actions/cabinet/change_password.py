"""Change one's own password."""

from datetime import datetime

from domain.actions.cabinet.new_password import hash_new_password
from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.sign_in import Browser, SignedIn, open_session
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import member_key
from domain.cabinet.members import Member
from domain.errors import AuthInvalid


async def change_password(
    ports: SignInPorts,
    member: Member,
    *,
    current: str,
    new: str,
    browser: Browser,
    verified_at: datetime | None,
) -> SignedIn:
    """Replace a member's password, which ends all sessions, and open a new session.

    `verified_at` is that of the present session. Raises AuthInvalid if `current` is wrong,
    RejectedPassword, RateLimited after too many wrong attempts, and Unavailable.
    """
    stored = await ports.members.password_by_id(member.id)
    async with throttled(ports.throttle, member_key(member.id), clock=ports.clock):
        hashed = stored.password_hash if stored else None
        matches = await ports.passwords.verify(current, hashed, known=True)
        if stored is None or not matches:
            raise AuthInvalid
    hashed = await hash_new_password(ports.passwords, member, new, current=current)
    epoch = await ports.members.set_password(stored, hashed, now=ports.clock.now())
    if epoch is None:
        raise AuthInvalid
    return await open_session(ports, member, epoch=epoch, browser=browser, verified_at=verified_at)
