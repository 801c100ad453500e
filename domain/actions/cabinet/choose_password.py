"""Choose a password of one's own."""

from datetime import datetime

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.sign_in import Browser, SignedIn, open_session
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import of_member
from domain.cabinet.members import Member
from domain.cabinet.passwords import PasswordProblem, RejectedPassword, checked_password
from domain.errors import AuthInvalid


async def choose_password(
    ports: SignInPorts,
    member: Member,
    *,
    former: str,
    chosen: str,
    browser: Browser,
    proved_at: datetime | None,
) -> SignedIn:
    """Replace a member's password, and open a new session: all others have ended with the old one.

    `proved_at` is the present session's. Raises AuthInvalid where `former` isn't the password,
    RejectedPassword for what won't do, RateLimited where `former` was wrong too often, and
    Unavailable.
    """
    known = await ports.members.password_of(member.id)
    async with throttled(ports.attempts, of_member(member.id), clock=ports.clock):
        genuine = await ports.passwords.verify(former, known.password_hash if known else None)
        if known is None or not genuine:
            raise AuthInvalid
    checked_password(chosen, former=former)
    about = [*member.email.replace("@", ".").split("."), *member.partner_name.split()]
    if await ports.passwords.is_common(chosen, about):
        raise RejectedPassword(PasswordProblem.COMMON)
    hashed = await ports.passwords.hash(chosen)
    epoch = await ports.members.set_password(known, hashed, now=ports.clock.now())
    if epoch is None:
        raise AuthInvalid
    return await open_session(ports, member, epoch=epoch, browser=browser, proved_at=proved_at)
