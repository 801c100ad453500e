"""Ports of the actions on partners."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.changes import PartnerChanged
from domain.clock import Clock
from domain.partners.codes import CodeQuota, ListedCode, OwnCode
from domain.partners.credentials import Credentials, NewSecrets, Randomness
from domain.partners.partner import Partner
from domain.partners.referrals import ReferralSigner, Referrer

NONCE_SECONDS: Final = 300
"""How long a nonce is remembered (contract, section 3), as in the script of admission."""


class AdmissionOutcome(IntEnum):
    """The result of an admission."""

    ADMITTED = 0
    REPLAYED = 1
    LIMITED = 2
    STALE = 3
    NONCES_LOST = 4


class Admission(msgspec.Struct, frozen=True, gc=False):
    """An outcome, the weight remaining, and a wait in milliseconds.

    The wait is until the oldest weight expires (admitted), or until this call would be admitted
    (limited, nonces lost).
    """

    outcome: AdmissionOutcome
    remaining: int
    wait_ms: int


class AdmissionController(Protocol):
    """Records nonces and charges weights."""

    def admit(
        self, partner_id: UUID, *, revision: int, nonce: str, weight: int, budget: int
    ) -> Awaitable[Admission]:
        """Admit or reject a call atomically; raise Unavailable.

        A call that was checked against an outdated `revision` of the partner's record is STALE: its
        nonce is not recorded and nothing is charged. NONCES_LOST rejects every call that would be
        admitted, while it may repeat one whose nonce was lost.
        """

    def newest_revision(self, partner_id: UUID) -> Awaitable[int]:
        """Return the revision below which the partner's records are outdated; raise Unavailable.

        If unknown (no recent change), a value below every revision. ALL_PARTNERS stands for the
        newest change of any partner.
        """


class ReferrerRepository(Protocol):
    """Referrers by code, with every change that was responded to. Every method raises Unavailable.

    With `fresh` the database is read in any case.
    """

    async def of(self, code: str, *, fresh: bool = False) -> Referrer | None:
        """Return the referrer of this code, enabled or not; None if there is no such code."""

    async def default_partner(self, *, fresh: bool = False) -> Referrer:
        """Return the partner of orders that nobody referred."""


class ReferralPorts(msgspec.Struct, frozen=True):
    """Ports for attributing visitors to partners."""

    clock: Clock
    referrers: ReferrerRepository
    signer: ReferralSigner


class OnboardingPorts(msgspec.Struct, frozen=True):
    """Ports for creating partners.

    `store` saves a new partner with encrypted secrets; it raises InvalidRequest if the e-mail
    address is in use. `insecure_webhooks` allows webhook URLs with plain http. New keys are
    created with `signature_v2_only`.
    """

    clock: Clock
    store: Callable[[Partner, Credentials, datetime], Awaitable[None]]
    new_id: Callable[[], UUID]
    randomness: Randomness
    insecure_webhooks: bool


class SecretRepository(Protocol):
    """Partners' encrypted secrets."""

    async def replace(
        self,
        partner_id: UUID,
        key_id: UUID,
        secrets: NewSecrets,
        *,
        generation: int,
        overlap_seconds: int = 0,
    ) -> int | None:
        """Replace secrets of a key and of its partner, and increment the generation.

        The key's secret until then stays valid for `overlap_seconds`; an earlier one does not.
        Returns the partner's revision, or None if the key's generation is no longer `generation`,
        or if it is revoked. Raises Unavailable if the outcome is unknown.
        """


class RotationPorts(msgspec.Struct, frozen=True):
    """Ports for rotating secrets."""

    secrets: SecretRepository
    changed: PartnerChanged
    randomness: Randomness


class CodeRepository(Protocol):
    """Reference codes. Every method raises Unavailable."""

    async def add(self, partner_id: UUID, code: OwnCode) -> bool:
        """Store a new code; False if it is in use or the partner has reached its limit."""

    async def newest(
        self, partner_id: UUID, *, limit: int, after: str | None = None
    ) -> Sequence[ListedCode]:
        """Return the partner's newest codes, newest first; if given, older than `after`."""

    async def find(self, partner_id: UUID, name: str) -> ListedCode | None:
        """Return a code of the partner with its statistics, or None."""

    async def quota(self, partner_id: UUID) -> CodeQuota:
        """Return how many codes the partner has and may have; raise NotFound."""

    async def change(
        self, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
    ) -> bool:
        """Replace label and markup of a code; False if the partner has no such code."""

    async def switch(self, partner_id: UUID, name: str, *, enabled: bool) -> bool:
        """Enable or disable a code; False if the partner has no such code."""


class CodePorts(msgspec.Struct, frozen=True):
    """Ports for managing codes."""

    clock: Clock
    codes: CodeRepository
    changed: PartnerChanged
    new_id: Callable[[], UUID]
