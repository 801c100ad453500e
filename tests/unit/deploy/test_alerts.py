"""Alert rules and dashboards: links, objectives, and what docs/operations.md says of them.

tests/e2e/test_up.py compares their metrics and labels with what a running installation exports.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.measurements import FAST_BOUNDS
from feeds.settlement.metrics import PAYOUT_DELAY
from feeds.webhooks.metrics import DELIVERY_DELAY
from gateway.errors import INTERNAL, UPSTREAM_ERROR
from tests.support.telemetry.promql import (
    DASHBOARDS,
    ROOT,
    RULES,
    Expression,
    Use,
    expressions,
    missing,
    parsed,
    recorded,
    rules,
    uses,
)

OPERATIONS = (ROOT / "docs/operations.md").read_text()
ALERTS = [rule for rule in rules() if "alert" in rule]
RUNBOOK = "docs/operations.md#"


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#{2,} (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}


def section(title: str) -> str:
    begin = OPERATIONS.index(f"## {title}\n")
    return OPERATIONS[begin : OPERATIONS.index("\n## ", begin)]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_has_a_severity_a_summary_and_a_section_that_says_what_to_do(
    alert: dict[str, Any],
) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    runbook = alert["annotations"]["runbook"]
    assert runbook.startswith(RUNBOOK)
    assert runbook.removeprefix(RUNBOOK) in anchors(OPERATIONS)


def test_no_two_alerts_have_one_name() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))


def test_every_query_can_be_parsed() -> None:
    for expression in expressions():
        parsed(expression.query)
    assert {path.stem for path in DASHBOARDS} == {"overview", "api", "settlement", "webhooks"}


def test_every_metric_of_settlement_that_needs_somebody_has_an_alert() -> None:
    listed = set(
        re.findall(r"^\| `(swapgate_\w+)` \|", section("Alarms of settlement"), re.MULTILINE)
    )
    assert listed
    alarmed = {
        re.sub("_(bucket|count)$", "", use.metric)
        for alert in rules()
        for use in uses(Expression("", alert["expr"]))
    }
    assert listed <= alarmed


def test_every_alert_is_about_metrics_that_the_documentation_explains() -> None:
    for rule in rules():
        for use in uses(Expression("", rule["expr"])):
            name = re.sub("_(bucket|count)$", "", use.metric)
            assert name in OPERATIONS or use.metric in recorded() or name == "up", name


def test_the_codes_of_unavailability_are_those_of_the_api() -> None:
    (expression, *_) = {
        rule["expr"]
        for rule in rules()
        if rule.get("labels", {}).get("objective") == "availability"
    }
    assert f'code=~"{UPSTREAM_ERROR.code}|{INTERNAL.code}"' in expression


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [
        ("swapgate_call_seconds", FAST_BOUNDS),
        ("swapgate_webhook_delay_seconds", DELIVERY_DELAY._upper_bounds),
        ("swapgate_payout_delay_seconds", PAYOUT_DELAY._upper_bounds),
    ],
)
def test_the_limits_of_objectives_are_bounds_of_their_histograms(
    metric: str, bounds: tuple[float, ...]
) -> None:
    pattern = re.compile(rf'{metric}_bucket{{[^}}]*le="([^"]+)"')
    limits = {found for rule in rules() for found in pattern.findall(rule["expr"])}
    assert limits
    assert limits <= {str(float(bound)) for bound in bounds}


def test_every_objective_is_written_down_with_its_limit() -> None:
    written = section("Service level objectives")
    for rule in rules():
        if "record" in rule:
            assert f"| `{rule['labels']['objective']}` |" in written


def test_what_is_not_exported_is_found() -> None:
    found = uses(
        Expression(
            "x",
            'sum by (a) (rate(m_total{b="1"}[5m])) > 0 and on (d) n',
            ("{{ $labels.a }} {{ $labels.c }} {{ $value }}",),
        )
    )
    assert found == [
        Use("m_total", frozenset({"a", "b", "c is aggregated", "d is aggregated"})),
        Use("n", frozenset({"d"})),
    ]
    exported = {"m_total": frozenset({"a"})}
    assert missing(found, exported) == [
        "m_total{b}",
        "m_total{c is aggregated}",
        "m_total{d is aggregated}",
        "n",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", [("check", "alerts.yml"), ("test", "alerts_test.yml")])
def test_the_rules_fire_as_their_unit_tests_of_prometheus_say(command: tuple[str, str]) -> None:
    """`make test-slow` copies promtool here; without Debian's packages it has to be installed."""
    beside = Path(sys.executable).with_name("promtool")
    program = str(beside) if beside.exists() else shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool")
    verb, file = command
    done = subprocess.run(
        [program, verb, "rules", str(RULES.with_name(file))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
