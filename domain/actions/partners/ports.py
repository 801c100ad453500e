"""What the actions on partners need from the outside, as Protocols."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.partners.codes import CodeQuota, ListedCode, OwnCode
from domain.partners.credentials import Credentials, NewSecrets, Randomness
from domain.partners.partner import Partner
from domain.partners.referrals import ReferralSigner, Referrer


class AdmissionOutcome(IntEnum):
    """The result of an admission."""

    ADMITTED = 0
    REPLAYED = 1
    LIMITED = 2
    STALE = 3


class Admission(msgspec.Struct, frozen=True, gc=False):
    """An outcome, the weight remaining, and a wait in milliseconds.

    The wait is until the oldest weight expires (admitted), or until this call would be admitted.
    """

    outcome: AdmissionOutcome
    remaining: int
    wait_ms: int


class AdmissionController(Protocol):
    """Burns nonces and charges weights."""

    def admit(
        self, partner_id: UUID, *, generation: int, nonce: str, weight: int, budget: int
    ) -> Awaitable[Admission]:
        """Decide on a call, in one atomic step; raise Unavailable.

        A call signed with the secret of a `generation` that has been replaced is STALE: its nonce
        isn't burnt, and nothing is charged.
        """

    async def newest_generation(self, partner_id: UUID) -> int:
        """Return the generation below which the partner's calls are stale; raise Unavailable.

        It is below any real one where it isn't known: then it hasn't changed lately.
        """


class ReferrerRepository(Protocol):
    """Who may have sent a visitor. All of it raises Unavailable.

    Without `anew` the answer may be as old as other changes are when workers see them: a second.
    """

    async def of(self, code: str, *, anew: bool = False) -> Referrer | None:
        """Return whose this code is, enabled or not; None where nobody has it."""

    async def house(self, *, anew: bool = False) -> Referrer:
        """Return the partner that orders without a referrer belong to."""


class ReferralPorts(msgspec.Struct, frozen=True):
    """What attributing visitors to partners needs."""

    clock: Clock
    referrers: ReferrerRepository
    signer: ReferralSigner


class OnboardingPorts(msgspec.Struct, frozen=True):
    """What creating partners needs.

    `store` keeps a new partner and seals its secrets; it raises InvalidRequest where the e-mail
    address is taken. `insecure_webhooks` lets events go to plain http.
    """

    clock: Clock
    store: Callable[[Partner, Credentials, datetime], Awaitable[None]]
    new_id: Callable[[], UUID]
    randomness: Randomness
    insecure_webhooks: bool


class SecretRepository(Protocol):
    """Where partners' secrets are kept, sealed."""

    async def replace(self, partner_id: UUID, secrets: NewSecrets, *, generation: int) -> bool:
        """Replace secrets and raise the generation by one; False if it isn't `generation` any more.

        Raises Unavailable where it isn't known whether that was done.
        """


class RotationPorts(msgspec.Struct, frozen=True):
    """What rotating secrets needs.

    `outdate` tells the gate that a partner's generations below the given one are over; it raises
    Unavailable. `changed` has a partner's record read again: at once here, and soon elsewhere.
    """

    secrets: SecretRepository
    outdate: Callable[[UUID, int], Awaitable[None]]
    changed: Callable[[UUID], Awaitable[None]]
    pause: Callable[[float], Awaitable[None]]
    randomness: Randomness


class CodeRepository(Protocol):
    """Where reference codes are kept. All of it raises Unavailable."""

    async def add(self, partner_id: UUID, code: OwnCode) -> bool:
        """Store a new code; False where its name is taken or the partner has no room for it."""

    async def newest(
        self, partner_id: UUID, *, limit: int, after: str | None = None
    ) -> Sequence[ListedCode]:
        """Return the partner's newest codes, newest first; those behind one of them, if named."""

    async def find(self, partner_id: UUID, name: str) -> ListedCode | None:
        """Return a code of the partner's."""

    async def quota(self, partner_id: UUID) -> CodeQuota:
        """Return how many codes the partner has, and may have; raise NotFound."""

    async def change(
        self, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
    ) -> bool:
        """Replace label and markup of a code; False where the partner has none of this name."""

    async def switch(self, partner_id: UUID, name: str, *, enabled: bool) -> bool:
        """Enable or disable a code; False where the partner has none of this name."""


class CodePorts(msgspec.Struct, frozen=True):
    """What managing codes needs. `changed` is as in Rotation."""

    clock: Clock
    codes: CodeRepository
    changed: Callable[[UUID], Awaitable[None]]
    new_id: Callable[[], UUID]
