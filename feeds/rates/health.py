"""How the exchanges do: what the process of rates tells, and doctor reads."""

from collections.abc import Sequence

import msgspec


class VenueHealth(msgspec.Struct, frozen=True):
    """How an exchange does. `age` is of the newest book, in seconds; `error` what failed last."""

    name: str
    markets: int
    books: int
    streaming: bool
    age: float | None
    error: str | None


class SourcesHealth(msgspec.Struct, frozen=True):
    """How the exchanges do, which coins lack sources, and when that was, in unix seconds."""

    at: float
    venues: Sequence[VenueHealth]
    withdrawn: Sequence[str]


def encode_health(health: SourcesHealth) -> bytes:
    """Return it as JSON, for whoever asks how the exchanges do."""
    return msgspec.json.encode(health)


def decode_health(stored: bytes) -> SourcesHealth:
    """Return what `encode_health` was given; raise msgspec.MsgspecError for anything else."""
    return msgspec.json.decode(stored, type=SourcesHealth)
