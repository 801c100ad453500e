"""A failure of a process, and what it means for the calls of that time."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from tests.load.client import NO_RESPONSE
from tests.load.record import Call
from tests.load.record import Kind as CallKind


class Kind(StrEnum):
    """Of a process, by the part that it has at that moment."""

    GATEWAY = "gateway"
    BALANCER = "balancer"
    SETTLEMENT = "settlement"
    RATES = "rates"
    WEBHOOKS = "webhooks"
    VALKEY_PRIMARY = "valkey primary"
    VALKEY_REPLICA = "valkey replica"
    POSTGRES_PRIMARY = "postgres primary"
    POSTGRES_STANDBY = "postgres standby"


class Action(StrEnum):
    """SIGKILL; SIGTERM; SIGSTOP for some seconds, then SIGCONT."""

    KILL = "kill"
    STOP = "stop"
    SUSPEND = "suspend"


MAX_SECONDS: Final = {Kind.POSTGRES_PRIMARY: 15.0}
"""To recover, or to take a process back; of all other kinds: OTHERS_MAX_SECONDS."""
OTHERS_MAX_SECONDS: Final = 10.0
UNNOTICED: Final = frozenset({Kind.GATEWAY, Kind.RATES, Kind.WEBHOOKS})
"""Calls do not fail without one of these, but for those that a gateway was serving."""


class Fault(msgspec.Struct):
    """What was done to a process, at a time of the monotonic clock."""

    kind: Kind
    action: Action
    at: float
    counts_from: float
    """When the time to recover begins: of a promotion, or once a process continues."""
    cut_until: float
    """Calls that were sent before may have no response: their connections were lost."""
    repair: Callable[[], None] | None
    """Have the process return, if what is left works without it."""
    repaired_from: float = float("inf")

    @property
    def max_seconds(self) -> float:
        return MAX_SECONDS.get(self.kind, OTHERS_MAX_SECONDS)

    def explains(self, call: Call) -> bool:
        """Return whether it may be the reason why a call has not succeeded."""
        if call.received_at < self.at:
            return False
        if call.code == NO_RESPONSE or self.kind in UNNOTICED:
            return call.sent_at <= self.cut_until
        if self.kind == Kind.SETTLEMENT:
            return call.kind == CallKind.DEPOSIT
        return call.sent_at <= self.counts_from + self.max_seconds or (
            self.repaired_from <= call.sent_at <= self.repaired_from + self.max_seconds
        )
