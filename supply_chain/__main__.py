"""`make audit`: licenses and known vulnerabilities of every locked package."""

import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

from supply_chain.advisories import (
    Report,
    SourceUnavailable,
    npm_advisories,
    pypi_advisories,
)
from supply_chain.licenses import license_problems, load_policy
from supply_chain.locks import locked_packages


class Status(IntEnum):
    """The exit status. What was found counts more than what could not be checked."""

    PASSED = 0
    FOUND = 1
    NOT_CHECKED = 3


SOURCES: Final = {"PyPI": pypi_advisories, "npm": npm_advisories}


def audit(sources: Mapping[str, Callable[[], Report]], *, out: Callable[[str], None]) -> Status:
    """Report licenses, then the advisories of each source, and return the exit status."""
    packages = locked_packages()
    problems = license_problems(packages, policy=load_policy())
    for problem in problems:
        out(f"license: {problem}")
    if not problems:
        out(f"license: all {len(packages)} locked packages have a permitted license")
    status = Status.FOUND if problems else Status.PASSED
    for name, advisories in sources.items():
        status = _combined(status, _checked(name, advisories, out=out))
    return status


def _checked(name: str, advisories: Callable[[], Report], *, out: Callable[[str], None]) -> Status:
    try:
        report = advisories()
    except SourceUnavailable as error:
        out(f"advisories of {name}: NOT CHECKED: {error}")
        return Status.NOT_CHECKED
    for each in report.found:
        out(f"advisories of {name}: {each.package}: {each.id}, fixed in {each.fixed_in}")
    for reason in report.unchecked:
        out(f"advisories of {name}: NOT CHECKED: {reason}")
    if report.found:
        return Status.FOUND
    if report.unchecked:
        return Status.NOT_CHECKED
    out(f"advisories of {name}: checked, none known for the locked versions")
    return Status.PASSED


def _combined(first: Status, second: Status) -> Status:
    if Status.FOUND in (first, second):
        return Status.FOUND
    return max(first, second)


if __name__ == "__main__":
    sys.exit(audit(SOURCES, out=lambda line: print(line, flush=True)))
