"""Sign in to the cabinet, resume a session, sign out."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.login_throttle import address_key, email_key
from domain.cabinet.members import Member
from domain.cabinet.sessions import Session, SessionCookie
from domain.errors import AuthDisabled, AuthInvalid, InvalidRequest
from domain.partners.credentials import new_secret
from domain.partners.partner import checked_email

MAX_USER_AGENT_LENGTH = 200


class Browser(msgspec.Struct, frozen=True):
    """The client of a request: its address and its User-Agent."""

    address: str
    user_agent: str


class SignedIn(msgspec.Struct, frozen=True):
    """A signed-in member with the session and the content of its cookie."""

    member: Member
    session: Session
    cookie: SessionCookie


async def sign_in(ports: SignInPorts, *, email: str, password: str, browser: Browser) -> SignedIn:
    """Open a new session for a member with this password.

    Raises AuthInvalid for an unknown address and for a wrong password, after the same steps;
    AuthDisabled if the password is right but the partner is disabled; RateLimited after too many
    failures from this client address or for this email address, registered or not; Unavailable,
    including when attempts cannot be counted.
    """
    async with throttled(
        ports.throttle,
        address_key(browser.address, free_attempts=ports.free_attempts),
        email_key(email),
        clock=ports.clock,
    ):
        member = await _authenticated(ports, email, password)
    if not member.enabled:
        raise AuthDisabled
    return await open_session(ports, member, epoch=member.epoch, browser=browser)


async def _authenticated(ports: SignInPorts, email: str, password: str) -> Member:
    try:
        stored = await ports.members.password_by_email(checked_email(email))
    except InvalidRequest:
        stored = None
    matches = await ports.passwords.verify(password, stored.password_hash if stored else None)
    member = await ports.members.find(stored.member_id) if stored and matches else None
    if member is None:
        raise AuthInvalid
    return member


async def open_session(
    ports: SignInPorts,
    member: Member,
    *,
    epoch: int,
    browser: Browser,
    verified_at: datetime | None = None,
) -> SignedIn:
    """Open a session of a member at the member's current `epoch`. Raises Unavailable.

    `verified_at` carries over the second factor's verification from the session this one replaces.
    """
    cookie = SessionCookie(member.id, new_secret(ports.randomness))
    now = ports.clock.now()
    session = Session(
        id=cookie.session_id,
        member_id=member.id,
        epoch=epoch,
        opened_at=now,
        last_used_at=now,
        address=browser.address,
        user_agent=browser.user_agent[:MAX_USER_AGENT_LENGTH],
        verified_at=verified_at,
    )
    await ports.sessions.open(session)
    return SignedIn(member, session, cookie)


async def resume(ports: SignInPorts, cookie_value: str) -> SignedIn | None:
    """Return the member and session of a cookie, or None if it is invalid or has ended.

    Raises Unavailable if that cannot be determined: then nobody is signed in.
    """
    cookie = ports.signer.verify(cookie_value)
    if cookie is None:
        return None
    now = ports.clock.now()
    session = await ports.sessions.find(cookie.member_id, cookie.session_id, now=now)
    member = await ports.members.find(cookie.member_id) if session else None
    if session is None or member is None or member.epoch != session.epoch or not member.enabled:
        return None
    return SignedIn(member, session, cookie)


async def sign_out(ports: SignInPorts, member_id: UUID, session_id: str) -> None:
    """End a session. Raises Unavailable."""
    await ports.sessions.end(member_id, session_id)
