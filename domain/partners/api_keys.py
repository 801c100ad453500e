"""API keys as their partner and the operator see them: everything but the secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.partners.scopes import Scope
from domain.reasons import Reason

MAX_KEYS: Final = 20
"""Keys of a partner that are not revoked, as in 0112-api-keys.sql."""
MAX_OVERLAP_SECONDS: Final = 86_400
"""How long the secret before a rotation may stay valid at most."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key: its rules, when its secret was last rotated, and its last use.

    Signed calls are accepted from the networks of `ip_allowlist` (CIDR), or from anywhere if it is
    empty. With `signature_v2_only` calls signed with version 1 are rejected; with
    `signature_v2_used` only their rotations are. `generation` counts the rotations of its secret
    and of the partner's webhookSecret. The secret before the last rotation is valid until
    `previous_until`.
    """

    id: UUID
    api_key: str
    label: str | None
    scope: Scope
    ip_allowlist: Sequence[str]
    signature_v2_only: bool
    signature_v2_used: bool
    generation: int
    created_at: datetime
    secret_from: datetime
    previous_until: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class PartnerKeys(msgspec.Struct, frozen=True):
    """The keys of a partner, oldest first and revoked ones last, and its webhookSecret's age."""

    keys: Sequence[ApiKey]
    webhook_secret_from: datetime

    @property
    def active(self) -> Sequence[ApiKey]:
        """Return the keys that are not revoked."""
        return [key for key in self.keys if key.revoked_at is None]


class CreatedKey(msgspec.Struct, frozen=True):
    """A new key and its secret, which is not shown again."""

    key: ApiKey
    api_secret: str

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"CreatedKey({self.key.api_key!r})"


def checked_overlap(seconds: int) -> int:
    """Return an overlap of 0 to 86400 seconds unchanged; raise InvalidRequest."""
    if not 0 <= seconds <= MAX_OVERLAP_SECONDS:
        raise InvalidRequest(
            f"an overlap of {seconds} s is not in 0..{MAX_OVERLAP_SECONDS}",
            field="overlapSeconds",
            reason=Reason.RANGE,
        )
    return seconds
