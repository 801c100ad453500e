"""Compares the license of every locked package with the policy."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distributions
from pathlib import Path
from typing import Any, Final

from supply_chain.locks import Ecosystem, LockedPackage, Use

POLICY_FILE: Final = Path(__file__).with_name("licenses.toml")
CLIENTS_PACKAGES: Final = Path(sys.prefix) / "clients"
"""Where `make audit` installs what tests of generated clients use, at versions of its own."""

_TOKEN = re.compile(r"[()]|[A-Za-z0-9.+-]+")
_SILENT = frozenset({"", "UNKNOWN"})


class InvalidExpression(Exception):
    """A text is not an SPDX license expression of identifiers, AND, OR and parentheses."""


@dataclass(frozen=True, kw_only=True)
class LicenseException:
    """A license outside the allowlist, permitted for one package, one use and a reason."""

    license: str
    use: Use
    reason: str


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The license of a version whose metadata states none, or that only other platforms install."""

    version: str
    license: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The allowlist of SPDX identifiers, and by name of the package what deviates from it."""

    allowed: frozenset[str]
    spellings: dict[str, str]
    exceptions: dict[str, LicenseException]
    declared: dict[str, Declaration]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a package's license, and what to do about it."""

    package: str
    text: str
    is_missing: bool = False

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.package}: {self.text}"


def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Read the policy. Raises KeyError or ValueError if it is incomplete."""
    table = tomllib.loads(path.read_text())
    return Policy(
        allowed=frozenset(table["allowed"]),
        spellings=table["spellings"],
        exceptions={name: _exception(entry) for name, entry in table["exceptions"].items()},
        declared={name: Declaration(**entry) for name, entry in table["declared"].items()},
    )


def _exception(entry: dict[str, Any]) -> LicenseException:
    if not entry["reason"].strip():
        raise ValueError("an exception needs a reason")
    return LicenseException(license=entry["license"], use=Use(entry["use"]), reason=entry["reason"])


def license_problems(packages: Iterable[LockedPackage], *, policy: Policy) -> list[Problem]:
    """Return every package without a permitted license, and every entry that nothing needs."""
    packages = list(packages)
    found = [problem for package in packages if (problem := _problem(package, policy=policy))]
    return found + list(_unused(packages, policy=policy))


def _problem(package: LockedPackage, *, policy: Policy) -> Problem | None:
    label = f"{package.name} {package.version} ({package.ecosystem}, {package.use})"
    try:
        licenses = _licenses(package, policy=policy)
    except PackageNotFoundError:
        return Problem(
            package=label,
            text="is not installed at this version, so its license was not checked. "
            "Run `make audit`, which installs it; if only other platforms install it, read "
            "its license and add it to [declared] in supply_chain/licenses.toml.",
            is_missing=True,
        )
    if not licenses:
        return Problem(
            package=label,
            text="its metadata states no license. Read the license in its files or source, then "
            "add it to [declared] in supply_chain/licenses.toml, or remove the package.",
        )
    exception = policy.exceptions.get(package.name)
    for text in licenses:
        spelled = policy.spellings.get(text, text)
        try:
            if is_allowed(spelled, allowed=policy.allowed):
                continue
        except InvalidExpression:
            return Problem(
                package=label,
                text=f"its license {text!r} is unknown. If it is another spelling of an SPDX "
                "identifier, add it to [spellings] in supply_chain/licenses.toml.",
            )
        if exception and exception.license == spelled and exception.use is package.use:
            continue
        return Problem(
            package=label,
            text=f"its license {spelled} is not allowed for {package.use} use. Replace the "
            "package, or justify it in [exceptions] in supply_chain/licenses.toml.",
        )
    return None


def _licenses(package: LockedPackage, *, policy: Policy) -> list[str]:
    """Return what is stated about a license; each text has to be permitted.

    Raises PackageNotFoundError where nothing can be read.
    """
    declared = policy.declared.get(package.name)
    if declared and declared.version == package.version:
        return [declared.license]
    if package.ecosystem is Ecosystem.NPM:
        return [package.license] if package.license else []
    installed = _installed(package)
    expressions = installed.metadata.get_all("License-Expression", [])
    if expressions:
        return list(expressions)
    fields = [text.strip().partition("\n")[0] for text in installed.metadata.get_all("License", [])]
    classifiers = [
        line.removeprefix("License :: ")
        for line in installed.metadata.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    return [text for text in (*fields, *classifiers) if text not in _SILENT]


def _installed(package: LockedPackage) -> Distribution:
    """Return the metadata of the locked version; raise PackageNotFoundError without it."""
    for found in distributions(name=package.name, path=[*sys.path, str(CLIENTS_PACKAGES)]):
        if found.version == package.version:
            return found
    raise PackageNotFoundError(package.name)


def _unused(packages: list[LockedPackage], *, policy: Policy) -> Iterator[Problem]:
    uses = {(package.name, package.use) for package in packages}
    versions = {(package.name, package.version) for package in packages}
    for name, exception in policy.exceptions.items():
        if (name, exception.use) not in uses:
            yield Problem(
                package=name,
                text=f"no lock file has it for {exception.use} use: remove "
                "it from [exceptions] in supply_chain/licenses.toml.",
            )
    for name, declared in policy.declared.items():
        if (name, declared.version) not in versions:
            yield Problem(
                package=name,
                text=f"no lock file has version {declared.version}: read "
                "the license of the locked version and correct [declared] in "
                "supply_chain/licenses.toml.",
            )


def is_allowed(expression: str, *, allowed: frozenset[str]) -> bool:
    """Return whether an SPDX license expression can be satisfied with allowed licenses only.

    AND binds more tightly than OR, as SPDX 2.3 (annex D) defines. Raises InvalidExpression.
    """
    tokens = _TOKEN.findall(expression)
    if "".join(tokens) != "".join(expression.split()):
        raise InvalidExpression(expression)
    result = _any_of(tokens, allowed)
    if tokens:
        raise InvalidExpression(expression)
    return result


def _any_of(tokens: list[str], allowed: frozenset[str]) -> bool:
    result = _all_of(tokens, allowed)
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        result = _all_of(tokens, allowed) or result
    return result


def _all_of(tokens: list[str], allowed: frozenset[str]) -> bool:
    result = _one(tokens, allowed)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        result = _one(tokens, allowed) and result
    return result


def _one(tokens: list[str], allowed: frozenset[str]) -> bool:
    name = tokens.pop(0) if tokens else ""
    if name == "(":
        result = _any_of(tokens, allowed)
        if not tokens or tokens.pop(0) != ")":
            raise InvalidExpression("a parenthesis is not closed")
        return result
    if name in ("", ")", "AND", "OR"):
        raise InvalidExpression("an identifier is missing")
    return name in allowed
