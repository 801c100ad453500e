"""Add, use and remove passkeys."""

from uuid import UUID

from domain.actions.cabinet.ports import PasskeyPorts
from domain.cabinet.members import Member
from domain.cabinet.passkeys import (
    MAX_PASSKEYS,
    MAX_RESPONSE_LENGTH,
    Challenge,
    Passkey,
    Purpose,
    checked_name,
    credential_id_of,
    new_challenge,
)
from domain.cabinet.sessions import Session
from domain.errors import AuthInvalid, InvalidCommand, InvalidTransition, NotFound


async def begin_adding(ports: PasskeyPorts, member: Member, session: Session) -> bytes:
    """Return the options for the browser to create a passkey, as JSON. Raises Unavailable."""
    challenge = await _challenge(ports, session, Purpose.ADD)
    existing = await ports.passkeys.list_of(member.id)
    return ports.verifier.creation_options(
        member, challenge, exclude=[one.credential_id for one in existing]
    )


async def add_passkey(
    ports: PasskeyPorts, member: Member, session: Session, *, name: str, response: str
) -> Passkey:
    """Store the passkey that a browser has created, and return it.

    It is added to two-factor authentication that is on, so that recovery codes exist. Raises
    InvalidCommand for an invalid name, AuthInvalid for a response that does not match the session's
    challenge, InvalidTransition if the passkey is registered already, if there are too many, or
    without two-factor authentication, and Unavailable.
    """
    name = checked_name(name)
    challenge = await _used_challenge(ports, session, Purpose.ADD, response)
    new = ports.verifier.verify_creation(response, challenge)
    passkey = Passkey(
        id=ports.new_id(),
        member_id=member.id,
        name=name,
        credential_id=new.credential_id,
        public_key=new.public_key,
        sign_count=new.sign_count,
        created_at=ports.clock.now(),
    )
    if not await ports.passkeys.add(passkey, maximum=MAX_PASSKEYS):
        raise InvalidTransition("the passkey was not added")
    return passkey


async def begin_verifying(ports: PasskeyPorts, member: Member, session: Session) -> bytes:
    """Return the options for the browser to use one of the member's passkeys, as JSON.

    Raises NotFound without passkeys, and Unavailable.
    """
    passkeys = await ports.passkeys.list_of(member.id)
    if not passkeys:
        raise NotFound("the member has no passkey")
    challenge = await _challenge(ports, session, Purpose.VERIFY)
    return ports.verifier.request_options(challenge, allow=[one.credential_id for one in passkeys])


async def verify_passkey(
    ports: PasskeyPorts, member: Member, session: Session, *, response: str
) -> None:
    """Accept the response of one of the member's passkeys in place of a code.

    Attempts are not throttled: nobody can guess a signature, and so nobody can use up a member's
    tries. Raises AuthInvalid for a response that is not of this session, of another member's
    passkey, or with a counter that is not greater than the last one, and Unavailable.
    """
    challenge = await _used_challenge(ports, session, Purpose.VERIFY, response)
    passkey = await _named_passkey(ports, member, response)
    count = ports.verifier.verify_use(response, challenge, passkey)
    now = ports.clock.now()
    if not await ports.passkeys.record_use(passkey, sign_count=count, now=now):
        raise AuthInvalid
    await ports.sessions.mark_verified(session, now)


async def remove_passkey(ports: PasskeyPorts, member: Member, passkey_id: UUID) -> str:
    """Remove one of the member's passkeys, and return its name. Raises NotFound, Unavailable."""
    name = await ports.passkeys.remove(member.id, passkey_id)
    if name is None:
        raise NotFound("no such passkey of this member")
    return name


async def _challenge(ports: PasskeyPorts, session: Session, purpose: Purpose) -> Challenge:
    challenge = new_challenge(purpose, ports.randomness, now=ports.clock.now())
    await ports.sessions.set_challenge(session, challenge)
    return challenge


async def _used_challenge(
    ports: PasskeyPorts, session: Session, purpose: Purpose, response: str
) -> Challenge:
    """Return the session's challenge, which cannot be used again, whatever comes of it."""
    challenge = await ports.sessions.take_challenge(session)
    usable = challenge is not None and challenge.serves(purpose, now=ports.clock.now())
    if challenge is None or not usable or len(response) > MAX_RESPONSE_LENGTH:
        raise AuthInvalid
    return challenge


async def _named_passkey(ports: PasskeyPorts, member: Member, response: str) -> Passkey:
    try:
        credential_id = credential_id_of(response)
    except InvalidCommand:
        raise AuthInvalid from None
    for passkey in await ports.passkeys.list_of(member.id):
        if passkey.credential_id == credential_id:
            return passkey
    raise AuthInvalid
