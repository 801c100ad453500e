"""Ports of the cabinet's actions, as Protocols, and the bundles that the actions receive."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.cabinet.audit import AuditEntry
from domain.cabinet.devices import DeviceSigner
from domain.cabinet.login_throttle import ThrottleKey
from domain.cabinet.mail import MailTransport
from domain.cabinet.members import Member, NewMember, Role, StoredPassword, TeamMember
from domain.cabinet.passkeys import Challenge, NewPasskey, Passkey
from domain.cabinet.password_reset import ResetToSend
from domain.cabinet.second_factor import StoredFactor
from domain.cabinet.sessions import FlashMessage, Session, SessionSigner
from domain.clock import Clock
from domain.partners.credentials import Randomness


class MemberRepository(Protocol):
    """Team members of all partners. Every method raises Unavailable."""

    async def password_by_email(self, email: str) -> StoredPassword | None:
        """Return the stored password of the member with this email address, or None."""

    async def password_by_id(self, member_id: UUID) -> StoredPassword | None:
        """Return the stored password of a member, or None."""

    async def find(self, member_id: UUID) -> Member | None:
        """Return a member of any partner, or None."""

    async def set_password(
        self, stored: StoredPassword, password_hash: str, *, now: datetime
    ) -> int | None:
        """Replace the `stored` password by one the member chose, which ends all sessions.

        Returns the member's new epoch, or None if the password was changed in the meantime.
        """

    async def set_zone(self, member_id: UUID, zone: str, *, now: datetime) -> None:
        """Set the time zone that a member sees times in."""

    async def end_sessions(self, member_id: UUID) -> int | None:
        """End all sessions of a member; return the new epoch, or None without such a member."""


class SessionRepository(Protocol):
    """Sessions, which expire by themselves. Every method raises Unavailable."""

    async def open(self, session: Session) -> None:
        """Store a new session."""

    async def find(self, member_id: UUID, session_id: str, *, now: datetime) -> Session | None:
        """Return a session that has not ended, and record its use."""

    async def set_flash(self, session: Session, flash: FlashMessage | None) -> None:
        """Set or clear the message that the next page shows."""

    async def list_of(self, member_id: UUID, *, now: datetime) -> list[Session]:
        """Return a member's sessions, the most recently used first."""

    async def set_challenge(self, session: Session, challenge: Challenge) -> None:
        """Store the challenge for a passkey in place of an earlier one."""

    async def take_challenge(self, session: Session) -> Challenge | None:
        """Return the stored challenge and remove it, in one step; None without one."""

    async def mark_verified(self, session: Session, at: datetime) -> None:
        """Record that a code of the second factor was entered in this session."""

    async def end(self, member_id: UUID, session_id: str) -> None:
        """End a session."""


class AuditLog(Protocol):
    """The audit log. Every method raises Unavailable."""

    async def add(self, entry: AuditEntry) -> None:
        """Add an entry."""

    async def newest(
        self, partner_id: UUID, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Return a partner's newest entries, or those before the entry `before`, newest first."""


class LoginThrottle(Protocol):
    """Failed attempts, counted across all workers. Every method raises Unavailable."""

    async def begin(self, key: ThrottleKey, *, now: datetime) -> int:
        """Count an attempt as failed and return 0, or return the seconds to wait."""

    async def undo(self, key: ThrottleKey) -> None:
        """Uncount the last attempt."""

    async def reset(self, key: ThrottleKey) -> None:
        """Forget all failures of a key."""


class SecondFactorRepository(Protocol):
    """Second factors. Every method raises Unavailable."""

    async def begin(self, member_id: UUID, secret: str, *, now: datetime) -> bool:
        """Store a secret that is to be confirmed; False if a confirmed one exists."""

    async def find(self, member_id: UUID, *, now: datetime) -> StoredFactor | None:
        """Return a member's second factor: a confirmed one, or one whose setup has not expired."""

    async def confirm(
        self, member_id: UUID, *, step: int, recovery_hashes: Sequence[str], now: datetime
    ) -> bool:
        """Confirm the stored secret and use up the code of `step`; False without one."""

    async def use_step(self, member_id: UUID, step: int) -> bool:
        """Use up the code of a time step; False if it or a later one was used before."""

    async def use_recovery_code(self, member_id: UUID, code_hash: str) -> int | None:
        """Use up a recovery code; return how many are left, or None for an unknown code."""

    async def replace_recovery_codes(self, member_id: UUID, hashes: Sequence[str]) -> bool:
        """Replace all recovery codes; False without a confirmed second factor."""

    async def turn_off(self, member_id: UUID) -> bool:
        """Remove a second factor; False if there is none."""


class PasskeyRepository(Protocol):
    """Passkeys. Every method raises Unavailable."""

    async def list_of(self, member_id: UUID) -> Sequence[Passkey]:
        """Return a member's passkeys, oldest first."""

    async def add(self, passkey: Passkey, *, maximum: int) -> bool:
        """Store a passkey; False if its id exists, or its member has `maximum` or no factor."""

    async def record_use(self, passkey: Passkey, *, sign_count: int, now: datetime) -> bool:
        """Store the counter of a use; False if it is not greater, or another use came first."""

    async def remove(self, member_id: UUID, passkey_id: UUID) -> str | None:
        """Remove one of a member's passkeys; return its name, or None without it."""


class PasskeyVerifier(Protocol):
    """Options for browsers and the verification of their responses, both JSON (WebAuthn 3)."""

    def creation_options(
        self, member: Member, challenge: Challenge, *, exclude: Sequence[bytes]
    ) -> bytes:
        """Return the options for creating a passkey, unless the device has one of `exclude`."""

    def verify_creation(self, response: str, challenge: Challenge) -> NewPasskey:
        """Return what was created for this challenge and our address; raise AuthInvalid."""

    def request_options(self, challenge: Challenge, *, allow: Sequence[bytes]) -> bytes:
        """Return the options for using one of these passkeys."""

    def verify_use(self, response: str, challenge: Challenge, passkey: Passkey) -> int:
        """Return the new counter; raise AuthInvalid, also if it is not greater than before."""


class PasswordResetRepository(Protocol):
    """Requested links to reset a password. Every method raises Unavailable."""

    async def request(self, request_id: UUID, email: str, *, address: str, now: datetime) -> None:
        """Store a request; for an unknown email address too, in the same steps."""

    async def claim(self, token_hash: str, *, now: datetime) -> ResetToSend | None:
        """Give the oldest unsent link of a member this token, and return it; None without one.

        It is valid from now on. If it is not marked as sent, it is claimed again after a delay,
        until it is too old.
        """

    async def mark_sent(self, request_id: UUID, *, now: datetime) -> None:
        """Record that a link was sent."""

    async def find(self, token_hash: str, *, now: datetime) -> UUID | None:
        """Return the member of a valid link; a link ends when the member's epoch changes."""

    async def use(self, token_hash: str, *, password_hash: str, now: datetime) -> int | None:
        """Set the password of a valid link's member and end all of the member's links.

        Returns the member's new epoch, or None if the link is no longer valid.
        """

    async def purge(self, *, before: datetime) -> None:
        """Delete requests made before a time."""


class TeamRepository(Protocol):
    """The members of one partner's team. Every method raises Unavailable.

    Changes are made by `actor`, who must be an owner of the partner at that moment. Otherwise, and
    if the team would be left without an owner, nothing changes and the result is None or False.
    """

    async def members_of(self, partner_id: UUID) -> Sequence[TeamMember]:
        """Return all members, owners first, then by email address."""

    async def invite(
        self, actor: Member, member: NewMember, *, password_hash: str, now: datetime
    ) -> bool:
        """Add a member with a one-time password; also False for a registered email address."""

    async def set_role(
        self, actor: Member, member_id: UUID, role: Role, *, now: datetime
    ) -> str | None:
        """Change a member's role; return the member's email address."""

    async def remove(self, actor: Member, member_id: UUID) -> str | None:
        """Remove a member; return the member's email address."""

    async def require_second_factor(self, actor: Member, *, required: bool) -> bool:
        """Require a second factor of the whole team, or no longer; False if not permitted."""

    async def set_one_time_password(
        self, actor: Member, member_id: UUID, password_hash: str, *, now: datetime
    ) -> str | None:
        """Replace a member's password by a one-time password; return the email address."""


class PasswordHasher(Protocol):
    """Hashes and verifies passwords. Raises Unavailable while too many are in progress."""

    async def verify(self, password: str, stored: str | None, *, known: bool = False) -> bool:
        """Return whether `stored` is the hash of `password`; None takes as long and never is.

        Some of the capacity is only for `known` devices and members.
        """

    async def hash(self, password: str) -> str:
        """Return the hash to store for a password."""

    async def is_common(self, password: str, personal: Sequence[str]) -> bool:
        """Return whether a password is easy to guess for someone who knows the personal words."""


class TeamPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for changing a team."""

    clock: Clock
    team: TeamRepository
    passwords: PasswordHasher
    throttle: LoginThrottle
    new_id: Callable[[], UUID]
    randomness: Randomness


class SignInPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for signing in and out and for changing a password.

    `free_attempts` is how many failed sign-ins a client address has before it must wait. `signer`
    signs cookies of sessions, `devices` those of known devices.
    """

    clock: Clock
    members: MemberRepository
    sessions: SessionRepository
    passwords: PasswordHasher
    throttle: LoginThrottle
    free_attempts: int
    signer: SessionSigner
    devices: DeviceSigner
    randomness: Randomness


class SecondFactorPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for setting up, verifying and turning off a second factor."""

    clock: Clock
    factors: SecondFactorRepository
    sessions: SessionRepository
    passwords: PasswordHasher
    members: MemberRepository
    throttle: LoginThrottle
    randomness: Randomness


class PasswordResetPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for requesting and using links to reset a password.

    `available` states whether emails can be sent.
    """

    clock: Clock
    resets: PasswordResetRepository
    members: MemberRepository
    passwords: PasswordHasher
    throttle: LoginThrottle
    new_id: Callable[[], UUID]
    randomness: Randomness
    available: bool


class ResetMailPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for sending links to reset a password.

    Links begin with `public_url`; emails name the installation `service`.
    """

    clock: Clock
    resets: PasswordResetRepository
    transport: MailTransport
    audit: AuditLog
    new_id: Callable[[], UUID]
    randomness: Randomness
    public_url: str
    service: str


class PasskeyPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports for passkeys. `available` states whether the address of the pages is configured."""

    clock: Clock
    passkeys: PasskeyRepository
    verifier: PasskeyVerifier
    sessions: SessionRepository
    new_id: Callable[[], UUID]
    randomness: Randomness
    available: bool
