"""Vulnerabilities are reported, and what was not checked is never reported as free of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from supply_chain import advisories
from supply_chain.__main__ import Status, audit
from supply_chain.advisories import (
    Advisory,
    Report,
    SourceUnavailable,
    combined_report,
    npm_advisories,
    parse_npm_audit,
    parse_pip_audit,
    pypi_advisories,
)
from supply_chain.licenses import license_problems, load_policy
from supply_chain.locks import ROOT, locked_packages

ADVISORY = Advisory(package="planted 1.0", id="PYSEC-1", fixed_in="1.1")
VULNERABLE = {
    "name": "planted",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": ["CVE-1"]}],
}
SKIPPED = {"name": "other", "skip_reason": "Dependency not found on PyPI"}
CLEAN = {"name": "clean", "version": "1.0", "vulns": []}


def pip_audit(*dependencies: object) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def npm_audit(**vulnerabilities: object) -> str:
    return json.dumps({"auditReportVersion": 2, "vulnerabilities": vulnerabilities})


NPM_VULNERABLE = npm_audit(
    planted={"via": [{"url": "https://example.invalid/GHSA-1"}], "fixAvailable": True},
    parent={"via": ["planted"], "fixAvailable": False},
)


def source(report: Report) -> Callable[[], Report]:
    return lambda: report


def unavailable() -> Report:
    raise SourceUnavailable("no route")


def outcome(**sources: Callable[[], Report]) -> tuple[Status, list[str]]:
    """Return the status of an audit, and its lines on advisories."""
    lines: list[str] = []
    status = audit(sources, out=lines.append)
    return status, [line for line in lines if line.startswith("advisories")]


@pytest.fixture
def licenses_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supply_chain.__main__.license_problems", lambda *_, **__: [])


def test_findings_of_pip_audit_have_all_their_names_and_the_fixed_version() -> None:
    report = parse_pip_audit(pip_audit(CLEAN, VULNERABLE))
    found = Advisory(package="planted 1.0", id="PYSEC-1 CVE-1", fixed_in="1.1")
    assert report == Report(found=(found,))


def test_a_package_that_pip_audit_skips_is_unchecked_beside_what_it_finds() -> None:
    report = parse_pip_audit(pip_audit(SKIPPED, VULNERABLE))
    assert len(report.found) == 1
    assert report.unchecked == ("Dependency not found on PyPI",)


def test_findings_of_npm_have_their_advisory_or_the_package_they_come_through() -> None:
    found = {each.package: each.id for each in parse_npm_audit(NPM_VULNERABLE).found}
    assert found == {"planted": "https://example.invalid/GHSA-1", "parent": "through planted"}


@pytest.mark.parametrize("output", ["", "<html>", "[]", '{"message": "405 Not Allowed"}', "{}"])
@pytest.mark.parametrize("parse", [parse_pip_audit, parse_npm_audit])
def test_what_is_no_report_is_not_taken_for_one(
    parse: Callable[[str], Report], output: str
) -> None:
    with pytest.raises(SourceUnavailable):
        parse(output)


@pytest.mark.parametrize("known", [pip_audit(CLEAN), pip_audit(SKIPPED), pip_audit()])
def test_a_python_source_that_does_not_know_a_vulnerable_release_has_checked_nothing(
    monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    monkeypatch.setattr(
        advisories,
        "_pip_audit",
        lambda path: known if path.name == "known.txt" else pip_audit(CLEAN),
    )
    with pytest.raises(SourceUnavailable):
        pypi_advisories()


def test_an_npm_source_that_does_not_know_a_vulnerable_release_has_checked_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(advisories, "_npm_audit", lambda _: npm_audit())
    with pytest.raises(SourceUnavailable, match="known to be vulnerable"):
        npm_advisories()


def test_sources_that_know_the_vulnerable_release_are_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        advisories,
        "_pip_audit",
        lambda path: pip_audit(VULNERABLE if path.name == "known.txt" else CLEAN),
    )
    monkeypatch.setattr(
        advisories,
        "_npm_audit",
        lambda path: npm_audit() if ROOT in (path, *path.parents) else NPM_VULNERABLE,
    )
    assert pypi_advisories() == npm_advisories() == Report(found=())


def test_the_lock_of_the_clients_in_tests_is_checked_beside_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reports(path: Path) -> bool:
        return ROOT not in path.parents or path.is_relative_to(ROOT / "tests" / "clients")

    monkeypatch.setattr(
        advisories, "_pip_audit", lambda path: pip_audit(VULNERABLE if reports(path) else CLEAN)
    )
    monkeypatch.setattr(
        advisories,
        "_npm_audit",
        lambda path: npm_audit() if path == ROOT else NPM_VULNERABLE,
    )
    assert [each.package for each in pypi_advisories().found] == ["planted 1.0"]
    assert [each.package for each in npm_advisories().found] == ["planted", "parent"]


def test_a_lock_that_could_not_be_checked_does_not_hide_findings_in_another() -> None:
    def check(lock: str) -> Report:
        return Report(found=(ADVISORY,)) if lock == "a" else unavailable()

    assert combined_report(check, ("b", "a")) == Report(
        found=(ADVISORY,), unchecked=("b: no route",)
    )


@pytest.mark.usefixtures("licenses_pass")
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (source(Report(found=())), source(Report(found=())), Status.PASSED),
        (source(Report(found=(ADVISORY,))), source(Report(found=())), Status.FOUND),
        (unavailable, source(Report(found=())), Status.NOT_CHECKED),
        (source(Report(found=())), unavailable, Status.NOT_CHECKED),
        (unavailable, source(Report(found=(ADVISORY,))), Status.FOUND),
        (source(Report(found=(ADVISORY,))), unavailable, Status.FOUND),
        (
            source(Report(found=(), unchecked=("one package",))),
            source(Report(found=())),
            Status.NOT_CHECKED,
        ),
    ],
)
def test_findings_count_more_than_what_was_not_checked_and_nothing_else_passes(
    first: Callable[[], Report], second: Callable[[], Report], expected: Status
) -> None:
    assert outcome(first=first, second=second)[0] is expected


@pytest.mark.usefixtures("licenses_pass")
def test_a_source_that_was_not_checked_is_not_reported_as_free_of_vulnerabilities() -> None:
    _, lines = outcome(
        reachable=source(Report(found=())),
        unreachable=unavailable,
        partial=source(Report(found=(), unchecked=("one package",))),
    )
    assert lines == [
        "advisories of reachable: checked, none known for the locked versions",
        "advisories of unreachable: NOT CHECKED: no route",
        "advisories of partial: NOT CHECKED: one package",
    ]


def test_a_license_problem_alone_fails_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = load_policy()
    found = license_problems(locked_packages()[:1], policy=policy)
    assert found
    monkeypatch.setattr("supply_chain.__main__.license_problems", lambda *_, **__: found)
    assert outcome(one=source(Report(found=())))[0] is Status.FOUND
