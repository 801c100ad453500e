"""What a campaign of failures accepts, and what it does not."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.faults.fault import OTHERS_MAX_SECONDS, Action, Fault, Kind
from tests.faults.table import lines
from tests.faults.verdict import Verdict, judge
from tests.load.client import INVALID, NO_RESPONSE
from tests.load.events import Events
from tests.load.outcome import Orders
from tests.load.record import Call
from tests.load.record import Kind as Calls
from tests.support.callers import LIMITED, UNAVAILABLE

KILLED_AT = 100.0


def killed(kind: Kind = Kind.GATEWAY, at: float = KILLED_AT, **changes: Any) -> Fault:
    facts = {"counts_from": at, "cut_until": at + 0.25, "repair": None, **changes}
    return Fault(kind, Action.KILL, at, **facts)


def call(code: int = 0, sent_at: float = KILLED_AT, seconds: float = 0.1, **more: Any) -> Call:
    return Call(Calls.QUOTE, code, sent_at, sent_at + seconds, **more)


def verdict(*calls: Call, faults: Sequence[Fault] = (), **found: Any) -> Verdict:
    facts = {"orders": Orders(), "events": Events(), "differences": [], **found}
    return judge(seed=1, seconds=60, calls=calls, faults=faults or [killed()], **facts)


def test_successes_limits_and_short_unavailability_are_exact() -> None:
    faults = [killed(Kind.POSTGRES_PRIMARY)]
    found = verdict(call(), call(LIMITED), call(UNAVAILABLE, KILLED_AT + 2), faults=faults)
    assert found.is_exact
    (recovery,) = found.recoveries
    assert (recovery.seconds, recovery.failed, recovery.cut) == (2.1, 1, 0)
    assert list(lines(found))[-1] == "exact"


@pytest.mark.parametrize("code", [1, 3, 6, 99, INVALID])
def test_any_other_code_is_wrong(code: int) -> None:
    found = verdict(call(code))
    assert (found.wrong, found.is_exact) == (1, False)
    assert list(lines(found))[-1] == "NOT EXACT"


def test_a_response_that_contradicts_an_earlier_one_is_wrong() -> None:
    found = verdict(call(problem="one has changed: rate"))
    assert not found.is_exact
    assert "one has changed: rate" in found.wrong_calls[0]


def test_only_calls_on_lost_connections_may_have_no_response() -> None:
    cut = call(NO_RESPONSE, KILLED_AT - 1, seconds=1.1)
    assert verdict(cut).is_exact
    assert verdict(cut).recoveries[0].cut == 1
    assert not verdict(call(NO_RESPONSE, KILLED_AT + 0.3)).is_exact, "sent afterwards"
    assert not verdict(call(NO_RESPONSE, KILLED_AT - 1)).is_exact, "ended before"
    harmless = killed(Kind.SETTLEMENT, cut_until=KILLED_AT)
    assert not verdict(call(NO_RESPONSE, KILLED_AT + 0.1), faults=[harmless]).is_exact


@pytest.mark.parametrize("kind", [Kind.GATEWAY, Kind.RATES, Kind.WEBHOOKS])
def test_calls_after_the_death_of_one_of_several_processes_succeed(kind: Kind) -> None:
    faults = [killed(kind)]
    assert verdict(call(UNAVAILABLE, KILLED_AT + 0.1), faults=faults).is_exact
    assert not verdict(call(UNAVAILABLE, KILLED_AT + 0.3), faults=faults).is_exact


def test_without_a_settlement_process_only_a_deposit_may_be_unavailable() -> None:
    faults, later = [killed(Kind.SETTLEMENT)], KILLED_AT + 1
    deposit = Call(Calls.DEPOSIT, UNAVAILABLE, later, later + 8)
    assert verdict(deposit, faults=faults).is_exact
    assert not verdict(call(UNAVAILABLE, later), faults=faults).is_exact


def test_unavailability_before_any_failure_is_wrong() -> None:
    assert not verdict(call(UNAVAILABLE, KILLED_AT - 10)).is_exact


@pytest.mark.parametrize(
    ("kind", "seconds"), [(Kind.VALKEY_PRIMARY, 10), (Kind.POSTGRES_PRIMARY, 15)]
)
def test_a_recovery_that_takes_longer_than_its_limit_is_not_exact(
    kind: Kind, seconds: float
) -> None:
    faults = [killed(kind, cut_until=KILLED_AT)]
    assert verdict(call(UNAVAILABLE, KILLED_AT + seconds - 0.2), faults=faults).is_exact
    assert not verdict(call(UNAVAILABLE, KILLED_AT + seconds), faults=faults).is_exact


def test_a_process_that_returns_may_not_cost_longer_either() -> None:
    faults = [killed(Kind.VALKEY_PRIMARY, repaired_from=KILLED_AT + 20)]
    short, long = (call(UNAVAILABLE, KILLED_AT + 20 + one) for one in (1, OTHERS_MAX_SECONDS))
    assert verdict(short, faults=faults).is_exact
    assert verdict(short, faults=faults).recoveries[0].returned == 1.1
    assert not verdict(long, faults=faults).is_exact


def test_a_failure_counts_for_the_last_process_that_was_killed() -> None:
    faults = [killed(Kind.VALKEY_PRIMARY), killed(Kind.VALKEY_REPLICA, KILLED_AT + 30)]
    found = verdict(
        call(UNAVAILABLE, KILLED_AT + 1), call(UNAVAILABLE, KILLED_AT + 31), faults=faults
    )
    assert [(one.kind, one.seconds) for one in found.recoveries] == [
        ("valkey primary", 1.1),
        ("valkey replica", 1.1),
    ]


@pytest.mark.parametrize(
    "found",
    [
        {"orders": Orders(lost=["one"])},
        {"orders": Orders(doubled=["one"])},
        {"orders": Orders(changed=["one"])},
        {"orders": Orders(unsettled=["one"])},
        {"orders": Orders(shared_addresses=1)},
        {"events": Events(lost=["one"])},
        {"events": Events(repeated=["one"])},
        {"events": Events(changed=["one"])},
        {"events": Events(out_of_sequence=["one"])},
        {"events": Events(unknown=["one"])},
        {"events": Events(forged=1)},
        {"differences": [{"kind": "of reconcile"}]},
    ],
)
def test_whatever_is_lost_double_or_changed_is_not_exact(found: dict[str, Any]) -> None:
    assert verdict(call()).is_exact
    assert not verdict(call(), **found).is_exact


def test_redelivered_events_are_permitted() -> None:
    assert verdict(call(), events=Events(received=3, redelivered=2)).is_exact
