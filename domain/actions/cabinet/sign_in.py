"""Sign in to the cabinet and out of it."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import of_address, of_email
from domain.cabinet.members import Member
from domain.cabinet.sessions import Session, SessionName
from domain.errors import AuthDisabled, AuthInvalid, InvalidRequest
from domain.partners.credentials import new_secret
from domain.partners.partner import checked_email

MAX_USER_AGENT_LENGTH = 200


class Browser(msgspec.Struct, frozen=True):
    """Where somebody signs in from: the client's address, and what the browser calls itself."""

    address: str
    agent: str


class SignedIn(msgspec.Struct, frozen=True):
    """A member, its session, and what names it."""

    member: Member
    session: Session
    name: SessionName


async def sign_in(ports: SignInPorts, *, email: str, password: str, browser: Browser) -> SignedIn:
    """Open a new session for who has this password.

    Raises AuthInvalid for an unknown address and a wrong password alike, with the same steps;
    AuthDisabled where the password is right and the partner disabled; RateLimited where too many
    have failed from this client's address or for this e-mail address, whether anybody has it or
    not; Unavailable, also where that can't be counted.
    """
    async with throttled(
        ports.attempts,
        of_address(browser.address, free=ports.free_tries),
        of_email(email),
        clock=ports.clock,
    ):
        member = await _genuine(ports, email, password)
    if not member.enabled:
        raise AuthDisabled
    return await open_session(ports, member, epoch=member.epoch, browser=browser)


async def _genuine(ports: SignInPorts, email: str, password: str) -> Member:
    try:
        known = await ports.members.known_password(checked_email(email))
    except InvalidRequest:
        known = None
    genuine = await ports.passwords.verify(password, known.password_hash if known else None)
    member = await ports.members.find(known.member_id) if known and genuine else None
    if member is None:
        raise AuthInvalid
    return member


async def open_session(
    ports: SignInPorts,
    member: Member,
    *,
    epoch: int,
    browser: Browser,
    proved_at: datetime | None = None,
) -> SignedIn:
    """Open a session of a member; `epoch` is the member's newest. Raises Unavailable.

    `proved_at` is when the second factor was given in the session that this one goes on from.
    """
    name = SessionName(member.id, new_secret(ports.randomness))
    now = ports.clock.now()
    session = Session(
        id=name.session_id,
        member_id=member.id,
        epoch=epoch,
        opened_at=now,
        seen_at=now,
        address=browser.address,
        agent=browser.agent[:MAX_USER_AGENT_LENGTH],
        proved_at=proved_at,
    )
    await ports.sessions.open(session)
    return SignedIn(member, session, name)


async def resume(ports: SignInPorts, cookie: str) -> SignedIn | None:
    """Return who a cookie names, and in which session; None where it names none, or no more.

    Raises Unavailable where that can't be found out: then nobody is signed in.
    """
    name = ports.signer.read(cookie)
    if name is None:
        return None
    now = ports.clock.now()
    session = await ports.sessions.find(name.member_id, name.session_id, now=now)
    member = await ports.members.find(name.member_id) if session else None
    if session is None or member is None or member.epoch != session.epoch or not member.enabled:
        return None
    return SignedIn(member, session, name)


async def sign_out(ports: SignInPorts, member_id: UUID, session_id: str) -> None:
    """End a session; raise Unavailable."""
    await ports.sessions.end(member_id, session_id)
