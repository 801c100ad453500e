"""Reset a forgotten password by a single-use link that is sent by email."""

import msgspec

from domain.actions.cabinet.new_password import hash_new_password
from domain.actions.cabinet.ports import PasswordResetPorts, ResetMailPorts
from domain.cabinet.audit import AuditEntry
from domain.cabinet.devices import Device
from domain.cabinet.login_throttle import reset_account_key, reset_source_key
from domain.cabinet.members import Member
from domain.cabinet.password_reset import KEPT, ResetToSend, reset_hash, reset_mail
from domain.errors import AuthInvalid, InvalidCommand, RateLimited
from domain.partners.credentials import new_secret
from domain.partners.partner import checked_email


class PasswordReset(msgspec.Struct, frozen=True):
    """A member with a new password, and the browser that it was chosen on."""

    member: Member
    device: Device


async def request_password_reset(ports: PasswordResetPorts, *, email: str, address: str) -> None:
    """Request a link for the member with this email address, if there is one.

    The same happens for any address, in the same steps. Another process sends the link. Raises
    RateLimited after too many requests from this client address or for this email address, and
    Unavailable.
    """
    now = ports.clock.now()
    for key in (reset_source_key(address), reset_account_key(email)):
        wait = await ports.throttle.begin(key, now=now)
        if wait:
            raise RateLimited(wait)
    try:
        checked = checked_email(email)
    except InvalidCommand:
        return
    await ports.resets.request(ports.new_id(), checked, address=address, now=now)


async def is_valid_link(ports: PasswordResetPorts, token: str) -> bool:
    """Return whether a link can be used to choose a password. Raises Unavailable."""
    found = await ports.resets.find(reset_hash(token), now=ports.clock.now())
    return found is not None


async def reset_password(ports: PasswordResetPorts, *, token: str, new: str) -> PasswordReset:
    """Replace the password of a link's member, and use up all of the member's links.

    It ends all sessions and makes all devices unknown, except the one the password is chosen on.
    The second factor is unchanged, and nobody is signed in. Raises AuthInvalid for a link that is
    unknown, expired or used, or older than the member's latest password; RejectedPassword;
    Unavailable.
    """
    now, hashed_token = ports.clock.now(), reset_hash(token)
    member_id = await ports.resets.find(hashed_token, now=now)
    member = await ports.members.find(member_id) if member_id else None
    if member is None:
        raise AuthInvalid
    hashed = await hash_new_password(ports.passwords, member, new)
    epoch = await ports.resets.use(hashed_token, password_hash=hashed, now=now)
    if epoch is None:
        raise AuthInvalid
    return PasswordReset(member, Device(member.id, epoch, new_secret(ports.randomness)))


async def send_reset_link(ports: ResetMailPorts) -> ResetToSend | None:
    """Send the oldest link that waits to be sent; return None if there is none.

    The token exists only in the email: its hash is stored before, so a link that arrives is valid.
    Raises Unavailable if it could not be sent: it is sent later, with another token.
    """
    now, token = ports.clock.now(), new_secret(ports.randomness)
    reset = await ports.resets.claim(reset_hash(token), now=now)
    if reset is None:
        await ports.resets.purge(before=now - KEPT)
        return None
    mail = reset_mail(reset.email, token, public_url=ports.public_url, service=ports.service)
    await ports.transport.send(mail)
    await ports.resets.mark_sent(reset.id, now=ports.clock.now())
    await ports.audit.add(
        AuditEntry(
            id=ports.new_id(),
            partner_id=reset.partner_id,
            member_id=reset.member_id,
            email=reset.email,
            at=ports.clock.now(),
            address=reset.address,
            action="Requested a link to reset the password",
            detail="",
        )
    )
    return reset
