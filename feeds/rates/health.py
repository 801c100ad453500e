"""The health of the exchanges: published by the rates process, read by doctor."""

from collections.abc import Sequence

import msgspec


class VenueHealth(msgspec.Struct, frozen=True):
    """The health of an exchange; `age` is that of its newest book in seconds, `error` the last."""

    name: str
    markets: int
    books: int
    streaming: bool
    age: float | None
    error: str | None


class SourcesHealth(msgspec.Struct, frozen=True):
    """The health of all exchanges, and the coins on which too few agree; `at` in unix seconds."""

    at: float
    venues: Sequence[VenueHealth]
    withdrawn: Sequence[str]


def encode_health(health: SourcesHealth) -> bytes:
    """Return the health as JSON."""
    return msgspec.json.encode(health)


def decode_health(stored: bytes) -> SourcesHealth:
    """Return the health in a document of `encode_health`; raise msgspec.MsgspecError for others."""
    return msgspec.json.decode(stored, type=SourcesHealth)
