"""Runs schemathesis against a running service and reports violations of its OpenAPI document."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case

from tests.fuzz.named_cases import AN_ID, NamedCase
from tests.fuzz.partners import Partners
from tests.fuzz.reuse import Reuse

EXCLUDED_CHECKS = (
    "ignored_auth",  # schemathesis does not see the signatures, which are added last
    "positive_data_acceptance",  # a valid request may name unknown objects, or exceed limits
    "use_after_free",  # a disabled code remains listed
    "ensure_resource_availability",  # a random order id is unknown
)
RESPONSE_CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
"""Those of a response alone, which also apply to named cases."""
SAMPLES_SHOWN = 3


@dataclass
class Report:
    """The cases, the statuses of their responses, and the failures."""

    cases: int = 0
    named: int = 0
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)
    """Commands that reproduce each failure, by its description."""

    def text(self) -> str:
        """Return a table of statuses by operation, followed by the failures."""
        lines = [
            f"{label:22} {status}  {count}"
            for (label, status), count in sorted(self.statuses.items())
        ]
        lines.append(f"{self.named} named cases, {self.cases} generated ones")
        for description, samples in self.failures.items():
            lines.append(f"\n{len(samples)} x {description}")
            lines += samples[:SAMPLES_SHOWN]
        return "\n".join(lines)


def run(
    base_url: str,
    partners: Partners,
    *,
    named: Iterable[NamedCase] = (),
    cases: int,
    seed: int,
) -> Report:
    """Send all named cases, and at least as many others: coverage cases, the rest at random."""
    report = Report()
    _send_named(report, base_url, named)
    _install_hooks(partners)
    rounds = 0
    while report.cases < cases and not report.failures:
        # the engine stops early where an operation yields few new cases
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
    config.checks.update(excluded_check_names=list(EXCLUDED_CHECKS))
    for event in from_schema(schema).execute():
        _record(report, event)


def _send_named(report: Report, base_url: str, named: Iterable[NamedCase]) -> None:
    """Check each response by the document, as those of generated requests, and its code."""
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    for one in named:
        report.named += 1
        label = f"{one.method} {one.path}"
        path = one.path.replace("{id}", AN_ID)
        headers = {"Content-Type": "application/json"}
        if one.key is not None:
            headers |= one.key.v2_headers(f"/v1{path}", one.body, method=one.method)
        response = requests.request(
            one.method, f"{base_url}/v1{path}", data=one.body, headers=headers, timeout=20
        )
        report.statuses[label, response.status_code] += 1
        case = schema[one.path][one.method].Case()
        try:
            case.validate_response(response, checks=RESPONSE_CHECKS)
        except FailureGroup as group:
            report.failures.setdefault(f"{label}: {one.name}: {group}", []).append(str(one.body))
        code = response.json()["code"]
        if code not in one.codes:
            description = f"{label}: {one.name}: code {code}, not {sorted(one.codes)}"
            report.failures.setdefault(description, []).append(str(one.body))


def _install_hooks(partners: Partners) -> None:
    """Fill requests with existing orders and codes, and sign them."""
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
    """Return whether a request is invalid by its headers, which then must not be replaced."""
    if case.meta is None:
        return False
    headers = case.meta.components.get(ParameterLocation.HEADER)
    return headers is not None and headers.mode is GenerationMode.NEGATIVE


def _record(report: Report, event: events.EngineEvent) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        report.failures.setdefault("the run itself", []).append(str(event))
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    report.cases += len(recorder.cases)
    for interaction in recorder.interactions.values():
        status = interaction.response.status_code if interaction.response else 0
        report.statuses[recorder.label, status] += 1
    for performed in recorder.checks.values():
        for check in performed:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                description = f"{recorder.label}: {failure.title}: {failure.message}"
                report.failures.setdefault(description, []).append(check.failure_info.code_sample)
