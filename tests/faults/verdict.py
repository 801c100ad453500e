"""Judges a campaign: what callers noticed of each failure, and what must never happen."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from tests.faults.fault import Fault, Kind
from tests.load.client import NO_RESPONSE
from tests.load.events import Events
from tests.load.outcome import Orders
from tests.load.record import Call, by_kind_and_code, latencies
from tests.support.callers import UNAVAILABLE

SHOWN: Final = 20
FAILED: Final = frozenset({UNAVAILABLE, NO_RESPONSE})


class Recovery(msgspec.Struct, frozen=True, rename="camel"):
    """What callers noticed of a failure: the seconds until the last call that failed by it."""

    kind: Kind
    action: str
    seconds: float
    returned: float
    """Until the last call that failed because the process returned."""
    failed: int
    """Calls with code 11."""
    cut: int
    """Calls without a response, on connections that were lost."""
    max_seconds: float

    @property
    def is_in_time(self) -> bool:
        return max(self.seconds, self.returned) <= self.max_seconds


class Verdict(msgspec.Struct, frozen=True, rename="camel"):
    """What happened; `is_exact` says what must be zero, and what must be in time."""

    seed: int
    seconds: float
    calls: int
    codes: dict[str, dict[str, int]]
    milliseconds: dict[str, dict[str, float]]
    wrong: int
    wrong_calls: list[str]
    """The first of them."""
    orders: Orders
    events: Events
    differences: list[Any]
    recoveries: list[Recovery]

    @property
    def is_exact(self) -> bool:
        return not (
            self.wrong
            or self.orders.wrong
            or self.events.wrong
            or self.differences
            or not all(one.is_in_time for one in self.recoveries)
        )


def judge(
    *,
    seed: int,
    seconds: float,
    calls: Sequence[Call],
    faults: Sequence[Fault],
    orders: Orders,
    events: Events,
    differences: list[Any],
) -> Verdict:
    """Return the verdict on all calls, and on what is left of the orders and events."""
    wrong = [*(call for call in calls if call.is_wrong), *unexplained(calls, faults)]
    ends = [*(fault.at for fault in faults[1:]), float("inf")]
    return Verdict(
        seed=seed,
        seconds=round(seconds, 1),
        calls=len(calls),
        codes=by_kind_and_code(calls),
        milliseconds=latencies(calls),
        wrong=len(wrong),
        wrong_calls=[described(call, faults) for call in wrong[:SHOWN]],
        orders=orders,
        events=events,
        differences=differences,
        recoveries=[
            recovery(fault, failures(calls, fault.at, end))
            for fault, end in zip(faults, ends, strict=True)
        ],
    )


def unexplained(calls: Iterable[Call], faults: Sequence[Fault]) -> Iterator[Call]:
    """Yield calls that have not succeeded, for which no failure can be the reason."""
    for call in calls:
        if call.code in FAILED and not any(fault.explains(call) for fault in faults):
            yield call


def failures(calls: Iterable[Call], start: float, end: float) -> list[Call]:
    """Return the calls without success that ended between two failures."""
    return [call for call in calls if call.code in FAILED and start <= call.received_at < end]


def recovery(fault: Fault, failed: Sequence[Call]) -> Recovery:
    before = [one.received_at for one in failed if one.sent_at < fault.repaired_from]
    after = [one.received_at for one in failed if one.sent_at >= fault.repaired_from]
    return Recovery(
        kind=fault.kind,
        action=fault.action.value,
        seconds=_since(fault.counts_from, before),
        returned=_since(fault.repaired_from, after),
        failed=sum(one.code == UNAVAILABLE for one in failed),
        cut=sum(one.code == NO_RESPONSE for one in failed),
        max_seconds=fault.max_seconds,
    )


def _since(start: float, ends: Sequence[float]) -> float:
    return round(max(0.0, max(ends, default=start) - start), 1) if ends else 0.0


def described(call: Call, faults: Sequence[Fault]) -> str:
    """Return a call in words, with the failure before it."""
    before = [fault for fault in faults if fault.at <= call.received_at]
    after = (
        f"{call.received_at - before[-1].at:.2f} s after {before[-1].action} of {before[-1].kind}"
        if before
        else "before any failure"
    )
    took = call.received_at - call.sent_at
    return f"{call.kind} code {call.code} {call.problem} ({after}, took {took:.2f} s)"
