"""What a partner's team sees of its API key: everything but the secrets."""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The public key, when each secret was last rotated, and the last use of the key.

    Signed calls are accepted from the networks of `ip_allowlist` (CIDR), or from anywhere if it is
    empty. `generation` counts rotations. With `signature_v2_only` calls signed with version 1 are
    rejected; with `signature_v2_used` only their rotations are.
    """

    api_key: str
    generation: int
    ip_allowlist: Sequence[str]
    api_secret_from: datetime
    webhook_secret_from: datetime
    used_at: datetime | None
    signature_v2_only: bool
    signature_v2_used: bool
