"""What the actions of the cabinet need from the world, as Protocols, and the bundle of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.cabinet.audit import AuditEntry
from domain.cabinet.login_throttle import Subject
from domain.cabinet.members import Invited, KnownPassword, Member, Role, TeamMember
from domain.cabinet.second_factor import StoredFactor
from domain.cabinet.sessions import FlashMessage, Session, SessionSigner
from domain.clock import Clock
from domain.partners.credentials import Randomness
from domain.partners.key_settings import KeySettings


class MemberRepository(Protocol):
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


class SessionRepository(Protocol):
    """Where sessions are kept, for their time only. All of it raises Unavailable."""

    async def open(self, session: Session) -> None:
        """Keep a new session."""

    async def find(self, member_id: UUID, session_id: str, *, now: datetime) -> Session | None:
        """Return a session that isn't over, and put down that it is used."""

    async def say(self, session: Session, said: FlashMessage | None) -> None:
        """Keep what the next page tells, or drop it."""

    async def all_of(self, member_id: UUID, *, now: datetime) -> list[Session]:
        """Return a member's sessions, the one that was used last first."""

    async def prove(self, session: Session, at: datetime) -> None:
        """Put down that a code of the second factor was given in this session."""

    async def end(self, member_id: UUID, session_id: str) -> None:
        """End a session."""


class AuditLog(Protocol):
    """Where it is kept what people have done. Both raise Unavailable."""

    async def add(self, entry: AuditEntry) -> None:
        """Add an entry."""

    async def newest(
        self, partner_id: UUID, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Return a partner's newest entries, or those before one of this id, newest first."""


class LoginThrottle(Protocol):
    """Who has failed how often lately. All of it raises Unavailable."""

    async def begin(self, subject: Subject, *, now: datetime) -> int:
        """Count an attempt as failed and return 0, or the seconds until one may be made."""

    async def take_back(self, subject: Subject) -> None:
        """Take back the last attempt, which has succeeded."""

    async def forget(self, subject: Subject) -> None:
        """Forget all attempts of a subject."""


class SecondFactorRepository(Protocol):
    """Where second factors are kept. All of it raises Unavailable."""

    async def begin(self, member_id: UUID, secret: str, *, now: datetime) -> bool:
        """Keep a secret that is to be confirmed; False where there is a confirmed one."""

    async def find(self, member_id: UUID, *, now: datetime) -> StoredFactor | None:
        """Return a member's second factor: a confirmed one, or one begun a short while ago."""

    async def confirm(
        self, member_id: UUID, *, step: int, recovery_hashes: Sequence[str], now: datetime
    ) -> bool:
        """Confirm the one that was begun, using up the code of `step`; False without one."""

    async def use_step(self, member_id: UUID, step: int) -> bool:
        """Use up the code of a time step; False where it or a later one was used before."""

    async def use_recovery(self, member_id: UUID, code_hash: str) -> int | None:
        """Use up a recovery code; return how many are left, None where it isn't one."""

    async def renew_recovery(self, member_id: UUID, hashes: Sequence[str]) -> bool:
        """Replace all recovery codes; False without a confirmed second factor."""

    async def turn_off(self, member_id: UUID) -> bool:
        """Remove a second factor; False where there is none."""


class TeamRepository(Protocol):
    """A partner's people, as its owners see and change them. All of it raises Unavailable.

    Each change is made by `actor`, who must be an owner of the partner at that very moment: else,
    and where there would be no owner left, nothing is changed and the answer is None or False.
    """

    async def all_of(self, partner_id: UUID) -> Sequence[TeamMember]:
        """Return all members, owners first, then by e-mail address."""

    async def invite(
        self, actor: Member, invited: Invited, *, password_hash: str, now: datetime
    ) -> bool:
        """Add a member with a one-time password; False too where somebody has the address."""

    async def set_role(
        self, actor: Member, member_id: UUID, role: Role, *, now: datetime
    ) -> str | None:
        """Give a member another role; return its e-mail address."""

    async def remove(self, actor: Member, member_id: UUID) -> str | None:
        """Remove a member; return its e-mail address."""

    async def set_one_time_password(
        self, actor: Member, member_id: UUID, password_hash: str, *, now: datetime
    ) -> str | None:
        """Give a member a one-time password in place of its own; return its e-mail address."""


class KeySettingsRepository(Protocol):
    """What is kept of partners' keys beside the secrets. Both raise Unavailable."""

    async def find(self, partner_id: UUID) -> KeySettings:
        """Return a partner's."""

    async def allow(self, partner_id: UUID, networks: Sequence[str]) -> None:
        """Have signed calls come from these networks only; from anywhere, if there are none."""


class PasswordHasher(Protocol):
    """Hashes and checks passwords. All of it raises Unavailable where too many are under way."""

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `stored` is the hash of `password`; None takes as long and is nobody's."""

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""

    async def is_common(self, password: str, about: Sequence[str]) -> bool:
        """Tell whether it is easily guessed by who knows what people choose, and these words."""


class TeamPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What changing a team needs."""

    clock: Clock
    team: TeamRepository
    passwords: PasswordHasher
    attempts: LoginThrottle
    new_id: Callable[[], UUID]
    randomness: Randomness


class SignInPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What signing in and out, and passwords, need.

    `free_tries` is how many sign-ins may fail from a client address before it waits.
    """

    clock: Clock
    members: MemberRepository
    sessions: SessionRepository
    passwords: PasswordHasher
    attempts: LoginThrottle
    free_tries: int
    signer: SessionSigner
    randomness: Randomness


class SecondFactorPorts(msgspec.Struct, frozen=True):
    """What setting up, giving and turning off a second factor needs."""

    clock: Clock
    factors: SecondFactorRepository
    sessions: SessionRepository
    passwords: PasswordHasher
    members: MemberRepository
    attempts: LoginThrottle
    randomness: Randomness
