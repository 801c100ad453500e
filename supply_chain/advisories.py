"""Asks the registries for known vulnerabilities, and notices when they could not answer.

A client reports success when a registry has no advisories to offer (pip-audit skips every package
that it does not find). Each source therefore also has to report a release that is known to be
vulnerable; if it does not, nothing has been checked.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cabinet_htmx.vendor import NpmMissing, npm_command
from supply_chain.locks import DEVELOPMENT_LOCKS, NPM_LOCK, NPM_LOCKS, ROOT, RUNTIME_LOCK

TIMEOUT_SECONDS: Final = 600

KNOWN_PYPI: Final = "pyyaml==5.3.1"
"""Executes code on loading (CVE-2020-14343); listed since 2021."""

KNOWN_NPM: Final = ("lodash", "4.17.4")
"""Prototype pollution (CVE-2018-3721, CVE-2019-10744); listed since 2018."""

_DOUBT: Final = "has no advisories: a release that is known to be vulnerable was not reported"


class SourceUnavailable(Exception):
    """An advisory source was not reached, or did not check what it was given."""


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """A known vulnerability of a locked package."""

    package: str
    id: str
    fixed_in: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a source knows about locked packages, and what it did not check, with the reason."""

    found: tuple[Advisory, ...]
    unchecked: tuple[str, ...] = ()


def pypi_advisories() -> Report:
    """Return the report on Python packages. Raises SourceUnavailable."""
    with tempfile.TemporaryDirectory() as directory:
        known = Path(directory) / "known.txt"
        known.write_text(f"{KNOWN_PYPI} --hash=sha256:{'0' * 64}\n")
        report = parse_pip_audit(_pip_audit(known))
        if not report.found:
            raise SourceUnavailable(", ".join(report.unchecked) or _DOUBT)
    return combined_report(
        lambda lock: parse_pip_audit(_pip_audit(ROOT / lock)), (RUNTIME_LOCK, *DEVELOPMENT_LOCKS)
    )


def combined_report(check: Callable[[str], Report], locks: Sequence[str]) -> Report:
    """Check each lock file; one that cannot be checked does not hide what others have."""
    found: dict[Advisory, None] = {}
    unchecked: dict[str, None] = {}
    for lock in locks:
        try:
            report = check(lock)
        except SourceUnavailable as error:
            unchecked[f"{lock}: {error}"] = None
        else:
            found.update(dict.fromkeys(report.found))
            unchecked.update(dict.fromkeys(report.unchecked))
    return Report(found=tuple(found), unchecked=tuple(unchecked))


def npm_advisories() -> Report:
    """Return the report on npm packages. Raises SourceUnavailable."""
    with tempfile.TemporaryDirectory() as directory:
        _write_known(Path(directory))
        if not parse_npm_audit(_npm_audit(Path(directory))).found:
            raise SourceUnavailable(_DOUBT)
    return combined_report(
        lambda lock: parse_npm_audit(_npm_audit((ROOT / lock).parent)), NPM_LOCKS
    )


def parse_pip_audit(output: str) -> Report:
    """Read pip-audit's JSON. Raises SourceUnavailable if it is no report on any package."""
    dependencies = _report(output).get("dependencies")
    if not dependencies:
        raise SourceUnavailable("pip-audit checked no package")
    found = [
        Advisory(
            package=f"{entry['name']} {entry['version']}",
            id=" ".join([each["id"], *each.get("aliases", ())]),
            fixed_in=", ".join(each["fix_versions"]) or "no version",
        )
        for entry in dependencies
        for each in entry.get("vulns", ())
    ]
    skipped = [entry["skip_reason"] for entry in dependencies if "skip_reason" in entry]
    return Report(found=tuple(found), unchecked=tuple(skipped))


def parse_npm_audit(output: str) -> Report:
    """Read the JSON of `npm audit`. Raises SourceUnavailable if it is an error, not a report."""
    report = _report(output)
    if "vulnerabilities" not in report:
        raise SourceUnavailable(f"npm audit failed: {report.get('message', 'without a message')}")
    found = [
        Advisory(
            package=name,
            id=" ".join(sorted(via["url"] for via in entry["via"] if isinstance(via, dict)))
            or "through " + ", ".join(entry["via"]),
            fixed_in="a later version" if entry["fixAvailable"] else "no version",
        )
        for name, entry in report["vulnerabilities"].items()
    ]
    return Report(found=tuple(found))


def _report(output: str) -> dict[str, Any]:
    try:
        report = json.loads(output)
    except ValueError:
        raise SourceUnavailable("the client returned no report") from None
    if not isinstance(report, dict):
        raise SourceUnavailable("the client returned no report")
    return report


def _pip_audit(requirements: Path) -> str:
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    return _run([sys.executable, "-m", "pip_audit", "-r", str(requirements), *options], ROOT)


def _npm_audit(directory: Path) -> str:
    try:
        npm = npm_command()
    except NpmMissing as error:
        raise SourceUnavailable(str(error)) from error
    return _run([*npm, "audit", "--package-lock-only", "--json"], directory)


def _run(command: list[str], directory: Path) -> str:
    """Return standard output. Both clients exit with 1 for findings as well as for failures."""
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceUnavailable(str(error)) from error
    if not done.stdout.strip():
        last = done.stderr.strip().splitlines()[-1:] or ["without a message"]
        raise SourceUnavailable(f"the client failed: {last[0]}")
    return done.stdout


def _write_known(directory: Path) -> None:
    name, version = KNOWN_NPM
    project = {"name": "known", "version": "1.0.0", "dependencies": {name: version}}
    packages = {"": project, f"node_modules/{name}": {"version": version}}
    lock = {"name": "known", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}
    (directory / "package.json").write_text(json.dumps(project))
    (directory / NPM_LOCK).write_text(json.dumps(lock))
