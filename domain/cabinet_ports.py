"""What the actions of the cabinet need from the world, as Protocols, and the bundle of them."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.credentials import Randomness
from domain.members import KnownPassword, Member
from domain.ports import Clock
from domain.sessions import Said, Session, SessionSigner


class MemberBook(Protocol):
    """Where a partner's people are kept. All of it raises Unavailable."""

    async def known_password(self, email: str) -> KnownPassword | None:
        """Return what is stored of the password of whoever has this address, if anybody has."""

    async def password_of(self, member_id: UUID) -> KnownPassword | None:
        """Return the same of a member."""

    async def find(self, member_id: UUID) -> Member | None:
        """Return a member, whoever's it is; None for one that is gone."""

    async def set_password(
        self, known: KnownPassword, password_hash: str, *, now: datetime
    ) -> int | None:
        """Replace the `known` password by one of the member's own choice, ending all sessions.

        Returns the member's new epoch; None where the password isn't that any more.
        """

    async def set_zone(self, member_id: UUID, zone: str, *, now: datetime) -> None:
        """Put down in which time zone a member reads times."""

    async def sign_out(self, member_id: UUID) -> int | None:
        """End all sessions of a member; return the new epoch."""


class SessionStore(Protocol):
    """Where sessions are kept, for their time only. All of it raises Unavailable."""

    async def open(self, session: Session) -> None:
        """Keep a new session."""

    async def find(self, member_id: UUID, session_id: str, *, now: datetime) -> Session | None:
        """Return a session that isn't over, and put down that it is used."""

    async def say(self, session: Session, said: Said | None) -> None:
        """Keep what the next page tells, or drop it."""

    async def all_of(self, member_id: UUID, *, now: datetime) -> list[Session]:
        """Return a member's sessions, the one that was used last first."""

    async def end(self, member_id: UUID, session_id: str) -> None:
        """End a session."""


class Passwords(Protocol):
    """Hashes and checks passwords. Both raise Unavailable where too many are under way."""

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `stored` is the hash of `password`; None takes as long and is nobody's."""

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""


class SigningIn(msgspec.Struct, frozen=True):
    """What signing in and out, and passwords, need."""

    clock: Clock
    members: MemberBook
    sessions: SessionStore
    passwords: Passwords
    signer: SessionSigner
    randomness: Randomness
