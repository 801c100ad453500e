"""The fields of a session as Valkey stores them: each is sealed with the key ring.

A field is bound to its name, its session and its member: whoever can write to Valkey can neither
make one up nor copy one from another session. The earlier value of a field of the same session can
be restored, which grants nothing that the session did not have.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.cabinet.passkeys import Challenge
from domain.cabinet.sessions import FlashMessage, Session
from persistence.keyring import KeyRing, SecretUnreadable

CHALLENGE: Final = "challenge"


class SessionSealer:
    """Seals and opens the fields of sessions."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    def sealed(self, session: Session) -> dict[str, bytes]:
        """Return all fields of a session."""
        fields = {
            "epoch": str(session.epoch),
            "opened": _seconds(session.opened_at),
            "seen": _seconds(session.last_used_at),
            "address": session.address,
            "agent": session.user_agent,
            "proved": _seconds(session.verified_at) if session.verified_at else "",
            "said": _text(session.flash),
        }
        return {name: self._seal(session, name, value) for name, value in fields.items()}

    def last_used(self, session: Session, at: datetime) -> tuple[str, bytes]:
        """Return the field of the time of last use."""
        return "seen", self._seal(session, "seen", _seconds(at))

    def verified(self, session: Session, at: datetime) -> tuple[str, bytes]:
        """Return the field of the time at which the second factor was verified."""
        return "proved", self._seal(session, "proved", _seconds(at))

    def flash(self, session: Session, flash: FlashMessage | None) -> tuple[str, bytes]:
        """Return the field of the message that the next page shows."""
        return "said", self._seal(session, "said", _text(flash))

    def challenge(self, session: Session, challenge: Challenge) -> tuple[str, bytes]:
        """Return the field of the challenge for a passkey, which is not part of a Session."""
        text = msgspec.json.encode(challenge).decode()
        return CHALLENGE, self._seal(session, CHALLENGE, text)

    def opened_challenge(self, session: Session, stored: bytes) -> Challenge | None:
        """Return a stored challenge, or None if it was not sealed by us for this session."""
        record = _record(session.member_id, session.id)
        with suppress(SecretUnreadable, msgspec.MsgspecError):
            text = self._keyring.open(stored, record=f"{record}:{CHALLENGE}")
            return msgspec.json.decode(text, type=Challenge)
        return None

    def opened(
        self, member_id: UUID, session_id: str, stored: Mapping[bytes, bytes]
    ) -> Session | None:
        """Return the stored session, or None if there is none or it was not sealed by us."""
        record = _record(member_id, session_id)
        with suppress(KeyError, ValueError, OverflowError, SecretUnreadable, msgspec.MsgspecError):
            fields = {
                name: self._keyring.open(stored[name.encode()], record=f"{record}:{name}")
                for name in ("epoch", "opened", "seen", "address", "agent", "proved", "said")
            }
            proved, said = fields["proved"], fields["said"]
            return Session(
                id=session_id,
                member_id=member_id,
                epoch=int(fields["epoch"]),
                opened_at=_moment(fields["opened"]),
                last_used_at=_moment(fields["seen"]),
                address=fields["address"],
                user_agent=fields["agent"],
                flash=msgspec.json.decode(said, type=FlashMessage) if said else None,
                verified_at=_moment(proved) if proved else None,
            )
        return None

    def _seal(self, session: Session, name: str, value: str) -> bytes:
        record = _record(session.member_id, session.id)
        return self._keyring.seal(value, record=f"{record}:{name}")


def _record(member_id: UUID, session_id: str) -> str:
    return f"session:{member_id}:{session_id}"


def _text(flash: FlashMessage | None) -> str:
    return msgspec.json.encode(flash).decode() if flash else ""


def _seconds(at: datetime) -> str:
    return str(at.timestamp())


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
