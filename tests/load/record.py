"""What the calls of a load returned, and when."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from tests.load.client import INVALID, NO_RESPONSE
from tests.support.callers import LIMITED, UNAVAILABLE

UNKNOWN: Final = frozenset({UNAVAILABLE, NO_RESPONSE, INVALID})
"""What was requested may have been done, or not."""
EXPECTED: Final = frozenset({0, LIMITED, UNAVAILABLE, NO_RESPONSE})
"""All other codes are wrong. Where a call may have no response depends on what was done to whom."""


class Kind(StrEnum):
    """Of a call, by its purpose."""

    QUOTE = "quote"
    DISCOVERY = "discovery"
    CREATE = "create"
    REPEAT = "repeat"
    DEPOSIT = "deposit"
    ORDER = "order"
    LIST = "list"
    SWAP_PAGE = "swap page"
    DASHBOARD = "dashboard"
    FEED = "feed"


class Call(msgspec.Struct, frozen=True):
    """A call between two times of the monotonic clock.

    `problem` is what its content contradicts, `version` the ETag of a feed.
    """

    kind: Kind
    code: int
    sent_at: float
    received_at: float
    problem: str = ""
    version: str = ""

    @property
    def is_wrong(self) -> bool:
        return self.code not in EXPECTED or bool(self.problem)


class Record:
    """All calls, written by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._versions: dict[str, float] = {}
        """When each version of the feeds was received first."""

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)
            self._versions.setdefault(call.version, call.received_at)

    def calls(self) -> list[Call]:
        """Return the calls so far, in the sequence of their ends."""
        with self._lock:
            return list(self._calls)

    def wrong(self) -> list[Call]:
        return [call for call in self.calls() if call.is_wrong]

    def kinds_since(self, moment: float) -> set[Kind]:
        """Return the kinds of which a call that was sent after a time has succeeded.

        A feed has, once it has rates that were not seen before.
        """
        with self._lock:
            found = set()
            for call in reversed(self._calls):
                if call.received_at < moment:
                    break
                is_new = self._versions[call.version] >= moment or not call.version
                if call.code == 0 and call.sent_at >= moment and is_new:
                    found.add(call.kind)
            return found


def by_kind_and_code(calls: Iterable[Call]) -> dict[str, dict[str, int]]:
    """Return how many calls of each kind returned each code."""
    counts = Counter((call.kind, call.code) for call in calls)
    return {
        kind.value: {
            str(code): count
            for (counted, code), count in sorted(counts.items(), key=lambda one: one[0][1])
            if counted == kind
        }
        for kind in Kind
    }


def latencies(calls: Iterable[Call]) -> dict[str, dict[str, float]]:
    """Return median, 99th percentile and maximum of the calls that succeeded, in milliseconds."""
    return dict(_latencies(list(calls)))


def _latencies(calls: list[Call]) -> Iterator[tuple[str, dict[str, float]]]:
    for kind in Kind:
        times = sorted(
            (call.received_at - call.sent_at) * 1000
            for call in calls
            if call.kind == kind and call.code == 0
        )
        if times:
            yield (
                kind.value,
                {
                    "p50": round(times[len(times) // 2], 1),
                    "p99": round(times[len(times) * 99 // 100], 1),
                    "max": round(times[-1], 1),
                },
            )
