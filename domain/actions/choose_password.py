"""Choose a password of one's own."""

from domain.actions.sign_in import Browser, SignedIn, open_session
from domain.cabinet_ports import SigningIn
from domain.errors import AuthInvalid
from domain.members import Member
from domain.passwords import checked_password


async def choose_password(
    ports: SigningIn, member: Member, *, former: str, chosen: str, browser: Browser
) -> SignedIn:
    """Replace a member's password, and open a new session: all others have ended with the old one.

    Raises AuthInvalid where `former` isn't the password, PasswordRefused for what won't do, and
    Unavailable.
    """
    known = await ports.members.password_of(member.id)
    if not await ports.passwords.verify(former, known.password_hash if known else None):
        raise AuthInvalid
    checked_password(chosen, former=former)
    if known is None:
        raise AuthInvalid
    hashed = await ports.passwords.hash(chosen)
    epoch = await ports.members.set_password(known, hashed, now=ports.clock.now())
    if epoch is None:
        raise AuthInvalid
    return await open_session(ports, member, epoch=epoch, browser=browser)
