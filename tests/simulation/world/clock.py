"""The virtual clock: it advances only as the world decides, and never returns a moment twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

START: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class VirtualClock:
    """The time of the world."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        """Return the current time, a microsecond later than at the last call."""
        self._now += MICROSECOND
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


class ProcessClock:
    """The clock of one machine, which may differ from the world's: Clock, and seconds."""

    def __init__(self, world: VirtualClock, *, skew_seconds: float = 0) -> None:
        self._world = world
        self.skew = timedelta(seconds=skew_seconds)

    def now(self) -> datetime:
        """See Clock."""
        return self._world.now() + self.skew

    def unix_time(self) -> float:
        """Return the time in unix seconds."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """Return seconds that the machine's clock has no influence on."""
        return self._world.now().timestamp()


def id_source(clock: VirtualClock, random: Random) -> Callable[[], UUID]:
    """Return a source of ids (UUIDv7, RFC 9562) of the virtual time."""

    def new_id() -> UUID:
        milliseconds = int(clock.now().timestamp() * 1000)
        bits = milliseconds << 80 | random.getrandbits(80)
        bits = bits & ~(0xF << 76) | 7 << 76
        return UUID(int=bits & ~(0x3 << 62) | 2 << 62)

    return new_id
