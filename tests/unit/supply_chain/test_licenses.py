"""Every locked package has a permitted license, and one that has none is reported by name."""

import dataclasses
from importlib.metadata import version
from pathlib import Path

import pytest

from supply_chain import licenses
from supply_chain.licenses import (
    InvalidExpression,
    LicenseException,
    Policy,
    is_allowed,
    license_problems,
    load_policy,
)
from supply_chain.locks import Ecosystem, LockedPackage, Use, locked_packages

EMPTY = Policy(allowed=frozenset({"MIT", "ISC"}), spellings={}, exceptions={}, declared={})


def npm(license_text: str, *, name: str = "planted", use: Use = Use.RUNTIME) -> LockedPackage:
    return LockedPackage(
        ecosystem=Ecosystem.NPM,
        name=name,
        version="1.0.0",
        use=use,
        hashes=("00",),
        license=license_text,
    )


def installed(name: str) -> LockedPackage:
    package = npm("", name=name)
    return dataclasses.replace(package, ecosystem=Ecosystem.PYPI, version=version(name))


def problems(package: LockedPackage, policy: Policy = EMPTY) -> list[str]:
    return [str(problem) for problem in license_problems([package], policy=policy)]


def test_every_locked_package_that_is_installed_has_a_permitted_license() -> None:
    """`make audit` also fails where one is not installed at its locked version."""
    packages = locked_packages()
    found = license_problems(packages, policy=load_policy())
    assert [str(problem) for problem in found if not problem.is_missing] == []
    assert len(found) < len(packages) / 4


def test_a_locked_package_that_is_not_installed_is_reported_as_not_checked() -> None:
    package = dataclasses.replace(installed("pytest"), version="0.0.1")
    (found,) = license_problems([package], policy=load_policy_without_entries())
    assert found.is_missing
    assert str(found).startswith("pytest 0.0.1 (pypi, runtime): is not installed at this version")


def test_the_license_of_a_locked_version_is_read_where_only_clients_of_tests_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = dataclasses.replace(installed("pytest"), version="0.0.1")
    metadata = tmp_path / "pytest-0.0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Name: pytest\nVersion: 0.0.1\nLicense-Expression: GPL-3.0-only\n")
    monkeypatch.setattr(licenses, "CLIENTS_PACKAGES", tmp_path)
    assert [text for text in problems(package) if "GPL-3.0-only is not allowed" in text]
    assert problems(installed("pytest")) == []


def load_policy_without_entries() -> Policy:
    return dataclasses.replace(load_policy(), exceptions={}, declared={})


@pytest.mark.parametrize("license_text", ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "LGPL-3.0-only"])
def test_a_license_outside_the_allowlist_is_reported_with_what_to_do(license_text: str) -> None:
    (text,) = problems(npm(license_text))
    assert text.startswith(f"planted 1.0.0 (npm, runtime): its license {license_text} is not")
    assert "[exceptions]" in text


def test_a_missing_license_is_reported_with_what_to_do() -> None:
    (text,) = problems(npm(""))
    assert "states no license" in text
    assert "[declared]" in text


def test_an_unknown_spelling_is_reported_with_what_to_do() -> None:
    (text,) = problems(npm("The best license, ever"))
    assert "'The best license, ever' is unknown" in text
    assert "[spellings]" in text


def test_metadata_of_an_installed_package_without_an_exception_is_judged() -> None:
    policy = load_policy_without_entries()
    (text,) = problems(installed("psycopg"), policy)
    assert "psycopg" in text
    assert "LGPL-3.0-only is not allowed for runtime use" in text
    assert problems(installed("pytest"), policy) == []


def test_every_statement_of_older_metadata_has_to_be_permitted() -> None:
    """aiohappyeyeballs states its license twice: in a field, and in a classifier."""
    policy = dataclasses.replace(load_policy_without_entries(), allowed=frozenset({"PSF-2.0"}))
    package = installed("aiohappyeyeballs")
    assert problems(package, policy) == []
    contradicting = {"OSI Approved :: Python Software Foundation License": "GPL-3.0-only"}
    (text,) = problems(package, dataclasses.replace(policy, spellings=contradicting))
    assert "GPL-3.0-only is not allowed" in text


@pytest.mark.parametrize(
    ("use", "license_text", "permitted"),
    [
        (Use.DEVELOPMENT, "LGPL-3.0-only", True),
        (Use.RUNTIME, "LGPL-3.0-only", False),
        (Use.DEVELOPMENT, "GPL-3.0-only", False),
    ],
)
def test_an_exception_covers_one_license_and_one_use(
    use: Use, license_text: str, *, permitted: bool
) -> None:
    exception = LicenseException(
        license="LGPL-3.0-only", use=Use.DEVELOPMENT, reason="Only tests load it."
    )
    policy = dataclasses.replace(EMPTY, exceptions={"planted": exception})
    texts = problems(npm(license_text, use=use), policy)
    assert any("is not allowed" in text for text in texts) is not permitted


def test_entries_that_no_lock_file_needs_are_reported() -> None:
    policy = load_policy()
    texts = problems(npm("MIT"), policy)
    assert len(texts) == len(policy.exceptions) + len(policy.declared)
    assert all("no lock file has" in text for text in texts)


def test_an_exception_without_a_reason_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "licenses.toml"
    path.write_text(
        "allowed = []\n[spellings]\n[declared]\n"
        '[exceptions.planted]\nlicense = "GPL-3.0-only"\nuse = "runtime"\nreason = " "\n'
    )
    with pytest.raises(ValueError, match="needs a reason"):
        load_policy(path)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT OR ISC AND GPL-3.0-only", True),
        ("(MIT OR ISC) AND GPL-3.0-only", False),
        ("ISC AND (GPL-3.0-only OR MIT)", True),
        ("mit", False),
    ],
)
def test_an_expression_is_allowed_if_allowed_licenses_satisfy_it(
    expression: str, *, allowed: bool
) -> None:
    assert is_allowed(expression, allowed=EMPTY.allowed) is allowed


@pytest.mark.parametrize("text", ["", "MIT License", "MIT OR", "(MIT", "MIT)", "MIT/ISC", "AND"])
def test_what_is_no_expression_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(InvalidExpression):
        is_allowed(text, allowed=EMPTY.allowed)
