"""Lock files are read completely, and what is not understood is an error."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from supply_chain.locks import (
    CLIENTS_LOCK,
    DEVELOPMENT_LOCKS,
    NPM_DEVELOPMENT_LOCK,
    NPM_LOCK,
    NPM_LOCKS,
    ROOT,
    RUNTIME_LOCK,
    Ecosystem,
    UnreadableLock,
    Use,
    locked_packages,
    runtime_packages,
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (RUNTIME_LOCK, *DEVELOPMENT_LOCKS, *NPM_LOCKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_lock_file_of_the_project_is_read() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    locks = {name for name in files.stdout.splitlines() if name.endswith((".lock", "-lock.json"))}
    assert locks == {RUNTIME_LOCK, *DEVELOPMENT_LOCKS, *NPM_LOCKS}


def test_every_pinned_line_of_every_lock_is_a_package() -> None:
    for lock, packages in [
        (RUNTIME_LOCK, runtime_packages()),
        *((lock, locked_packages()) for lock in DEVELOPMENT_LOCKS),
    ]:
        text = (ROOT / lock).read_text()
        pinned = set(re.findall(r"^([^ #\n=]+)==([^ ;]+)", text, re.MULTILINE))
        assert pinned
        assert pinned <= {(each.name, each.version) for each in packages}


def test_a_package_of_two_locks_is_listed_once_with_its_runtime_use() -> None:
    found = [package for package in locked_packages() if package.name == "psycopg"]
    assert [package.use for package in found] == [Use.RUNTIME]


def test_packages_that_only_developers_need_are_not_runtime_packages() -> None:
    names = {package.name for package in runtime_packages()}
    assert {"psqlpy", "htmx.org", "@picocss/pico"} <= names
    assert names.isdisjoint({"pytest", "axe-core", "@foundry-rs/anvil", "pip-audit"})


@pytest.mark.parametrize(
    ("name", "ecosystem"),
    [("openapi-python-client", Ecosystem.PYPI), ("@hey-api/openapi-ts", Ecosystem.NPM)],
)
def test_what_generates_clients_in_tests_is_for_development(
    name: str, ecosystem: Ecosystem
) -> None:
    (package,) = [each for each in locked_packages() if each.name == name]
    assert (package.ecosystem, package.use) == (ecosystem, Use.DEVELOPMENT)


def test_hashes_and_parents_of_a_package_are_those_of_the_lock() -> None:
    (cffi,) = [package for package in runtime_packages() if package.name == "cffi"]
    assert "cryptography" in cffi.required_by
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in cffi.hashes)
    (htmx,) = [package for package in runtime_packages() if package.name == "htmx.org"]
    assert htmx.ecosystem is Ecosystem.NPM
    assert [len(digest) for digest in htmx.hashes] == [128]


@pytest.mark.parametrize("lock", [RUNTIME_LOCK, CLIENTS_LOCK])
@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"(?m)^ +--hash=.*\n", ""),
        (r"(?m)^anyio==|^aiodns==", "other>="),
        (r"(?m)^(anyio|aiodns)==.*", "other @ git+ssh://example.invalid/other \\\\"),
    ],
)
def test_a_package_without_version_or_hash_is_an_error(
    copy: Path, lock: str, pattern: str, replacement: str
) -> None:
    path = copy / lock
    path.write_text(re.sub(pattern, replacement, path.read_text()))
    with pytest.raises(UnreadableLock, match=lock):
        locked_packages(copy)


@pytest.mark.parametrize("lock", [NPM_LOCK, NPM_DEVELOPMENT_LOCK])
def test_an_npm_package_without_a_hash_is_an_error(copy: Path, lock: str) -> None:
    path = copy / lock
    path.write_text(re.sub(r'"integrity": "sha512', '"integrity": "sha1', path.read_text()))
    with pytest.raises(UnreadableLock, match=lock):
        locked_packages(copy)
