"""Sign in to the cabinet, resume a session, sign out."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.actions.cabinet.ports import SignInPorts
from domain.actions.cabinet.throttled import throttled
from domain.cabinet.devices import Device
from domain.cabinet.login_throttle import ThrottleKey, address_key, device_key, email_key
from domain.cabinet.members import Member
from domain.cabinet.sessions import Session, SessionCookie
from domain.errors import AuthDisabled, AuthInvalid, InvalidCommand
from domain.partners.credentials import new_secret
from domain.partners.partner import checked_email

MAX_USER_AGENT_LENGTH = 200


class Browser(msgspec.Struct, frozen=True):
    """The client of a request: its address, its User-Agent and its device cookie, if any."""

    address: str
    user_agent: str
    device: str | None = None


class SignedIn(msgspec.Struct, frozen=True):
    """A signed-in member with the session and the content of its cookie."""

    member: Member
    session: Session
    cookie: SessionCookie


async def sign_in(ports: SignInPorts, *, email: str, password: str, browser: Browser) -> SignedIn:
    """Open a new session for a member with this password.

    Raises AuthInvalid for an unknown address and for a wrong password, after the same steps;
    AuthDisabled if the password is right but the partner is disabled; RateLimited after too many
    failures; Unavailable, including when attempts cannot be counted.

    Unknown devices share the tries of their client address and of the email address, registered or
    not. A known device of this member has tries of its own.
    """
    device = await _known_device(ports, email, browser)
    async with throttled(
        ports.throttle, *_throttle_keys(ports, email, browser, device), clock=ports.clock
    ):
        member = await _authenticated(ports, email, password, known=device is not None)
    if not member.enabled:
        raise AuthDisabled
    return await open_session(ports, member, epoch=member.epoch, browser=browser)


async def _known_device(ports: SignInPorts, email: str, browser: Browser) -> Device | None:
    """Return the browser's device if it is known for the member with this email address."""
    device = ports.devices.verify(browser.device) if browser.device else None
    member = await ports.members.find(device.member_id) if device else None
    if device is None or member is None or device.epoch != member.epoch:
        return None
    return device if email.strip().lower() == member.email else None


def _throttle_keys(
    ports: SignInPorts, email: str, browser: Browser, device: Device | None
) -> list[ThrottleKey]:
    if device is not None:
        return [device_key(device.id)]
    address = address_key(browser.address, free_attempts=ports.free_attempts)
    return [address, email_key(email)]


async def _authenticated(ports: SignInPorts, email: str, password: str, *, known: bool) -> Member:
    try:
        stored = await ports.members.password_by_email(checked_email(email))
    except InvalidCommand:
        stored = None
    hashed = stored.password_hash if stored else None
    matches = await ports.passwords.verify(password, hashed, known=known)
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


def known_device(
    ports: SignInPorts, member: Member, session: Session, *, browser: Browser
) -> Device | None:
    """Return the device to remember for a session; None until its sign-in is complete.

    It is complete once a member with a second factor has entered a code, and once a one-time
    password was replaced. A browser that is known already remains the same device.
    """
    unverified = member.second_factor and session.verified_at is None
    if unverified or member.must_change_password:
        return None
    known = ports.devices.verify(browser.device) if browser.device else None
    if known is not None and (known.member_id, known.epoch) == (member.id, session.epoch):
        return known
    return Device(member.id, session.epoch, new_secret(ports.randomness))


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
