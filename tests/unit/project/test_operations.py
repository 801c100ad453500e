"""docs/operations.md tells operators what to type for every alarm of settlement."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from domain.actions.operator.doctor.approvals import approval_checks
from domain.actions.operator.doctor.chains import address_checks, chain_checks
from domain.actions.operator.doctor.limits import limit_checks
from domain.actions.operator.doctor.network_fees import fee_checks
from domain.chains.outflows import FailureReason
from feeds.settlement import metrics

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
SOURCES = [
    *sorted((ROOT / "feeds/settlement").rglob("*.py")),
    *(ROOT / "feeds/loop.py", ROOT / "gateway/wiring/connections.py"),
    ROOT / "gateway/wiring/settlement.py",
]
LOGGERS = {"log", "_log"}
ERRORS = {"error", "exception", "critical"}

ROW = re.compile(
    r"^ *\| `(?P<name>[^`]+)` \| (?P<meaning>[^|]+) \| (?P<command>[^|]+) \|$", re.MULTILINE
)


def entries(text: str = OPERATIONS) -> dict[str, tuple[str, str]]:
    """Return the rows of three columns that explain something: its meaning, and what to type."""
    return {
        found["name"]: (found["meaning"].strip(), found["command"].strip())
        for found in ROW.finditer(text)
    }


def is_error(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):  # `report = log.error if ... else log.warning`
        return function.id == "report"
    return (
        isinstance(function, ast.Attribute)
        and function.attr in ERRORS
        and isinstance(function.value, ast.Name)
        and function.value.id in LOGGERS
    )


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may be."""
    if isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    else:
        assert isinstance(node, ast.Constant), "an event of the log is a literal"
        yield str(node.value)


def error_events(sources: Sequence[str]) -> set[str]:
    """Return the events that these modules may log as errors."""
    return {
        text
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and is_error(node)
        for text in texts(node.args[0])
    }


def doctor_checks() -> set[str]:
    unused = cast("Any", None)
    groups = [
        address_checks(unused),
        chain_checks(unused, unused),
        limit_checks(unused),
        fee_checks(unused, unused),
        approval_checks(unused, unused),
    ]
    return {name for group in groups for name, _ in group}


def metric_names() -> set[str]:
    found = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    assert all(isinstance(one, (Counter, Gauge, Histogram)) for one in found)
    return {one._name + ("_total" if isinstance(one, Counter) else "") for one in found}


def alarms() -> list[str]:
    return sorted(
        {reason.value for reason in FailureReason}
        | error_events([path.read_text() for path in SOURCES])
        | doctor_checks()
        | metric_names()
    )


@pytest.mark.parametrize("name", alarms())
def test_every_alarm_is_explained_with_what_to_type(name: str) -> None:
    found = entries()
    assert name in found, f"docs/operations.md has no row for {name}"
    assert all(found[name])


def test_the_alarms_are_found_in_the_code() -> None:
    assert {
        *("chain halted", "outflow on hold", "loop step failed", "cost_above_bound", "outflows"),
        *("swapgate_chain_height", "swapgate_outflows_total"),
    } <= set(alarms())


def test_an_event_without_a_row_is_noticed() -> None:
    source = 'log.error("new alarm" if x else "another", a=1)\nlog.warning("no alarm")'
    assert error_events([source]) == {"new alarm", "another"}
    assert not error_events([source]) & entries().keys()


def test_no_alarm_is_explained_that_the_code_does_not_raise() -> None:
    begin = OPERATIONS.index("## Alarms of settlement")
    section = OPERATIONS[begin : OPERATIONS.index("\n## ", begin)]
    assert entries(section).keys() <= set(alarms())
    assert entries(section)
