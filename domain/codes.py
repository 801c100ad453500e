"""A reference code: a partner's name for one source of traffic, with a markup of its own."""

from uuid import UUID

import msgspec


class Code(msgspec.Struct, frozen=True):
    """A reference code. `markup_bps` of None means: the partner's default applies."""

    id: UUID
    code: str
    markup_bps: int | None
    enabled: bool
