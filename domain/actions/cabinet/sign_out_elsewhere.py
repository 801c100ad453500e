"""Sign out on all other browsers."""

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.sign_in import Browser, SignedIn, open_session
from domain.cabinet.members import Member
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid


async def sign_out_elsewhere(
    ports: SignInPorts, member: Member, session: Session, *, browser: Browser
) -> SignedIn:
    """End all sessions of a member and open a new one on this browser.

    Raises AuthInvalid if the member was removed in the meantime, and Unavailable.
    """
    epoch = await ports.members.end_sessions(member.id)
    if epoch is None:
        raise AuthInvalid
    return await open_session(
        ports, member, epoch=epoch, browser=browser, verified_at=session.verified_at
    )
