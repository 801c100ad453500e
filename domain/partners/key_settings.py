"""What a partner's people see of its keys: everything but the secrets."""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The public key, since when the secrets are what they are, and the last use.

    `networks` is from where signed calls may come, in CIDR form; empty for anywhere.
    """

    api_key: str
    generation: int
    networks: Sequence[str]
    api_secret_from: datetime
    webhook_secret_from: datetime
    used_at: datetime | None
