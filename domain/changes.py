"""How processes learn that something they have cached has changed."""

import msgspec


class Revisions(msgspec.Struct, frozen=True):
    """How often the catalogue and the partners have changed so far."""

    catalogue: int
    partners: int


class Notice(msgspec.Struct, frozen=True):
    """A message between processes. `channel` is empty when the listener has (re)connected."""

    channel: str
    data: bytes
