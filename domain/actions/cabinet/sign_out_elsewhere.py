"""Sign out on all other browsers."""

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.sign_in import Browser, SignedIn, open_session
from domain.cabinet.members import Member
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid


async def sign_out_elsewhere(
    ports: SignInPorts, member: Member, session: Session, *, browser: Browser
) -> SignedIn:
    """End all sessions of a member, and go on in a new one here.

    Raises AuthInvalid for a member that is gone meanwhile, and Unavailable.
    """
    epoch = await ports.members.sign_out(member.id)
    if epoch is None:
        raise AuthInvalid
    return await open_session(
        ports, member, epoch=epoch, browser=browser, proved_at=session.proved_at
    )
