"""Lock files are read completely, and what is not understood is an error."""

import re
import shutil
from pathlib import Path

import pytest

from supply_chain.locks import (
    DEVELOPMENT_LOCKS,
    NPM_LOCK,
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
    for name in (RUNTIME_LOCK, *DEVELOPMENT_LOCKS, NPM_LOCK):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


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


def test_hashes_and_parents_of_a_package_are_those_of_the_lock() -> None:
    (cffi,) = [package for package in runtime_packages() if package.name == "cffi"]
    assert "cryptography" in cffi.required_by
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in cffi.hashes)
    (htmx,) = [package for package in runtime_packages() if package.name == "htmx.org"]
    assert htmx.ecosystem is Ecosystem.NPM
    assert [len(digest) for digest in htmx.hashes] == [128]


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"(?m)^ +--hash=.*\n", ""),
        (r"(?m)^aiodns==", "aiodns>="),
        (r"(?m)^aiodns==.*", "aiodns @ git+ssh://example.invalid/aiodns \\\\"),
    ],
)
def test_a_package_without_version_or_hash_is_an_error(
    copy: Path, pattern: str, replacement: str
) -> None:
    path = copy / RUNTIME_LOCK
    path.write_text(re.sub(pattern, replacement, path.read_text()))
    with pytest.raises(UnreadableLock, match=RUNTIME_LOCK):
        runtime_packages(copy)


def test_an_npm_package_without_a_hash_is_an_error(copy: Path) -> None:
    path = copy / NPM_LOCK
    path.write_text(re.sub(r'"integrity": "sha512', '"integrity": "sha1', path.read_text()))
    with pytest.raises(UnreadableLock, match=NPM_LOCK):
        locked_packages(copy)
