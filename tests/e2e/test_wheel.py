"""A wheel built from the checkout runs without it, pages and documentation included."""

import json
import os
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply_chain.locks import LockedPackage, runtime_packages
from tests.conftest import SWAPGATE, start_up, stop

ROOT = Path(__file__).parents[2]
PAGES = ("/", "/docs", "/docs/quickstart", "/partner/login", "/openapi.json", "/api/rates.xml")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution and the wheel; return the directory of the unpacked wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    built, target = directory / "built", directory / "installed"
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = built.glob("swapgate-*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, timeout=120)
    return target


def get(base_url: str, path: str) -> tuple[int, bytes]:
    """Return status and body, following one redirect."""
    for _ in range(2):
        with closing(HTTPConnection(urlsplit(base_url).netloc, timeout=20)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        if response.status not in (301, 302, 303, 307, 308):
            break
        path = response.headers["Location"]
    return response.status, body


def test_wheel_serves_everything_in_an_empty_directory_without_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    packages = {path.name for path in installed.iterdir()}
    assert packages >= {"domain", "persistence", "feeds", "gateway", "cabinet_htmx"}
    assert packages.isdisjoint({"tests", "bench", "supply_chain"})
    environment = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}

    running = start_up(empty / "data", "--workers", "1", environment=environment, directory=empty)
    try:
        assert {path: get(running.base_url, path)[0] for path in PAGES} == dict.fromkeys(PAGES, 200)
        _, page = get(running.base_url, "/partner/login")
        addresses = {part for part in page.decode().split('"') if part.startswith("/static/")}
        assert len(addresses) >= 3
        assert {get(running.base_url, address)[0] for address in addresses} == {200}
        doctor = subprocess.run(
            [*SWAPGATE, "doctor", "--json", "--data-dir", str(running.data_dir)],
            cwd=empty,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert doctor.returncode == 0, doctor.stdout
    finally:
        stop(running)


def bill_of_materials(installed: Path) -> str:
    (path,) = installed.glob("swapgate-*.dist-info/sboms/*")
    assert path.name == "swapgate.cdx.json"
    return path.read_text()


def listed(component: dict[str, Any]) -> tuple[str, str, str, frozenset[str]]:
    """Return the ecosystem, name, version and hashes that a component states."""
    ecosystem, _, name = unquote(component["purl"].removeprefix("pkg:")).partition("/")
    name, _, version = name.rpartition("@")
    assert version == component["version"]
    digests = frozenset(digest["content"] for digest in component["hashes"])
    return ecosystem, name, version, digests


def locked(package: LockedPackage) -> tuple[str, str, str, frozenset[str]]:
    return package.ecosystem, package.name, package.version, frozenset(package.hashes)


def test_wheel_lists_exactly_the_locked_runtime_packages_with_versions_and_hashes(
    installed: Path,
) -> None:
    document = json.loads(bill_of_materials(installed))
    assert document["metadata"]["component"]["name"] == "swapgate"
    found = [listed(component) for component in document["components"]]
    assert len(found) > 90
    assert sorted(found, key=str) == sorted(map(locked, runtime_packages()), key=str)


def test_bill_of_materials_of_the_wheel_follows_the_schema_and_has_no_addresses(
    installed: Path,
) -> None:
    text = bill_of_materials(installed)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document.pop("$schema").endswith("/bom-1.6.schema.json")
    assert "://" not in json.dumps(document)
    assert "externalReferences" not in text


def test_bill_of_materials_names_what_requires_a_package(installed: Path) -> None:
    entries = json.loads(bill_of_materials(installed))["dependencies"]
    required = {entry["ref"].partition("@")[0]: entry.get("dependsOn", []) for entry in entries}
    assert any("/psqlpy@" in reference for reference in required["swapgate"])
    assert any("/cffi@" in reference for reference in required["pkg:pypi/cryptography"])
    assert not any("/cffi@" in reference for reference in required["swapgate"])
