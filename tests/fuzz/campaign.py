"""Runs schemathesis over a running service and reports what breaks its own description."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case

from tests.fuzz.partners import Partners
from tests.fuzz.reuse import Reuse

NOT_OURS = (
    "ignored_auth",  # it can't sign, so what it calls invalid is signed on its way out
    "positive_data_acceptance",  # a valid request may name what isn't there, or cost too much
    "use_after_free",  # a disabled code stays listed
    "ensure_resource_availability",  # an order that is named at random isn't there
)
SHOWN = 3


@dataclass
class Report:
    """What has been sent, and what was wrong with the answers."""

    cases: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)
    """How to repeat each failure, by what it is."""

    def text(self) -> str:
        """Return it for people: a table of statuses by operation, then the failures."""
        lines = [
            f"{label:22} {status}  {count}"
            for (label, status), count in sorted(self.answers.items())
        ]
        lines.append(f"{self.cases} cases")
        for what, samples in self.failures.items():
            lines.append(f"\n{len(samples)} x {what}")
            lines += samples[:SHOWN]
        return "\n".join(lines)


def run(base_url: str, partners: Partners, *, cases: int, seed: int) -> Report:
    """Send so many cases at least: all those that coverage asks for, the others at random."""
    _lead(partners)
    report = Report()
    rounds = 0
    while report.cases < cases and not report.failures:
        # the engine leaves an operation earlier where little that is new comes up
        _round(report, base_url, cases=cases - report.cases, seed=seed + rounds)
        rounds += 1
    return report


def _round(report: Report, base_url: str, *, cases: int, seed: int) -> None:
    schema = schemathesis.openapi.from_url(
        f"{base_url}/openapi.json", config=schemathesis.Config(seed=seed)
    )
    operations = schema.statistic.operations.total
    config = schema.config
    config.base_url = f"{base_url}/v1"
    config.continue_on_failure = True
    config.generation.update(
        with_security_parameters=False,
        max_examples=max(cases // operations, 1),
        no_shrink=True,
        database="none",
    )
    config.phases.stateful.enabled = False
    config.checks.update(excluded_check_names=list(NOT_OURS))
    for event in from_schema(schema).execute():
        _take(report, event)


def _lead(partners: Partners) -> None:
    """Have requests filled with what is there, and signed."""
    reuse = Reuse()

    @schemathesis.hook
    def before_call(
        _: schemathesis.HookContext, case: Case[Any], kwargs: dict[str, object]
    ) -> None:
        reuse.fill(case)
        if not _headers_are_wrong(case):
            kwargs["auth"] = partners

    @schemathesis.hook
    def after_call(
        _: schemathesis.HookContext, case: Case[Any], response: schemathesis.Response
    ) -> None:
        reuse.learn(case, response)


def _headers_are_wrong(case: Case[Any]) -> bool:
    """Tell whether headers are what makes a request invalid: then nobody may mend them."""
    if case.meta is None:
        return False
    headers = case.meta.components.get(ParameterLocation.HEADER)
    return headers is not None and headers.mode is GenerationMode.NEGATIVE


def _take(report: Report, event: events.EngineEvent) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        report.failures.setdefault("the run itself", []).append(str(event))
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    report.cases += len(recorder.cases)
    for interaction in recorder.interactions.values():
        status = interaction.response.status_code if interaction.response else 0
        report.answers[recorder.label, status] += 1
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                what = f"{recorder.label}: {failure.title}: {failure.message}"
                report.failures.setdefault(what, []).append(check.failure_info.code_sample)
