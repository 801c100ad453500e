"""The packages that the lock files name, with their versions and hashes."""

import base64
import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RUNTIME_LOCK: Final = "requirements.lock"
CLIENTS_LOCK: Final = "tests/clients/requirements.lock"
"""What tests of generated clients install into an environment of their own."""
DEVELOPMENT_LOCKS: Final = (
    "requirements-build.lock",
    "requirements-dev.lock",
    "requirements-node.lock",
    "requirements-uv.lock",
    CLIENTS_LOCK,
)
NPM_LOCK: Final = "package-lock.json"
NPM_DEVELOPMENT_LOCK: Final = "tests/clients/package-lock.json"
NPM_LOCKS: Final = (NPM_LOCK, NPM_DEVELOPMENT_LOCK)

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; .+?)? \\$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_REQUIRED_BY = re.compile(r"^    # +(?:via +)?([A-Za-z0-9._-]+)")


class Use(StrEnum):
    """Whether an installed service needs a package, or only this project's developers."""

    RUNTIME = "runtime"
    DEVELOPMENT = "development"


class Ecosystem(StrEnum):
    """The registry a package is from, as package URLs spell it."""

    PYPI = "pypi"
    NPM = "npm"


class UnreadableLock(Exception):
    """A lock file has a line that is not understood, or a package without a hash."""


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """A package of a lock file.

    `hashes` are lowercase hexadecimal digests (SHA-256 for PyPI, one for each published file that
    is accepted; SHA-512 for npm). `required_by` are the names of the packages that require it.
    `license` is what the lock file itself declares: npm's does, Python's does not.
    """

    ecosystem: Ecosystem
    name: str
    version: str
    use: Use
    hashes: tuple[str, ...]
    required_by: tuple[str, ...] = ()
    license: str = ""


def locked_packages(root: Path = ROOT) -> list[LockedPackage]:
    """Return every locked package once; one that is needed at run time has that use.

    Raises UnreadableLock.
    """
    found = runtime_packages(root)
    known = {(package.ecosystem, package.name, package.version) for package in found}
    others = [package for package in _npm(root / NPM_LOCK) if package.use is Use.DEVELOPMENT]
    others += [
        replace(package, use=Use.DEVELOPMENT) for package in _npm(root / NPM_DEVELOPMENT_LOCK)
    ]
    for lock in DEVELOPMENT_LOCKS:
        others += _python(root / lock, use=Use.DEVELOPMENT)
    for package in others:
        key = (package.ecosystem, package.name, package.version)
        if key not in known:
            known.add(key)
            found.append(package)
    return found


def runtime_packages(root: Path = ROOT) -> list[LockedPackage]:
    """Return what an installed service needs: Python packages, and what its pages take from npm.

    Raises UnreadableLock.
    """
    npm = [package for package in _npm(root / NPM_LOCK) if package.use is Use.RUNTIME]
    return _python(root / RUNTIME_LOCK, use=Use.RUNTIME) + npm


def _python(path: Path, *, use: Use) -> list[LockedPackage]:
    packages = []
    for block in re.split(r"\n(?=[^\s#])", path.read_text()):
        lines = block.splitlines()
        pinned = _PINNED.match(lines[0]) if lines else None
        hashes = tuple(_HASH.findall(block))
        if pinned is None or not hashes:
            raise UnreadableLock(f"{path}: {block[:80]!r}")
        required_by = [match[1] for line in lines if (match := _REQUIRED_BY.match(line))]
        packages.append(
            LockedPackage(
                ecosystem=Ecosystem.PYPI,
                name=pinned[1],
                version=pinned[2],
                use=use,
                hashes=hashes,
                required_by=tuple(name for name in required_by if name != "via"),
            )
        )
    return packages


def _npm(lock: Path) -> list[LockedPackage]:
    entries = json.loads(lock.read_text())["packages"]
    packages = []
    for path, entry in entries.items():
        if not path:
            continue
        algorithm, _, digest = entry.get("integrity", "").partition("-")
        if algorithm != "sha512":
            raise UnreadableLock(f"{lock}: {path} has no SHA-512 hash")
        packages.append(
            LockedPackage(
                ecosystem=Ecosystem.NPM,
                name=path.rpartition("node_modules/")[2],
                version=entry["version"],
                use=Use.DEVELOPMENT if entry.get("dev") else Use.RUNTIME,
                hashes=(base64.b64decode(digest, validate=True).hex(),),
                license=entry.get("license", ""),
            )
        )
    return packages
