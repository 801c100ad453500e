"""A wheel built from the checkout runs without it, pages and documentation included."""

import os
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import SWAPGATE, start_up, stop

ROOT = Path(__file__).parents[2]
PAGES = ("/", "/docs", "/docs/quickstart", "/partner/login", "/openapi.json", "/api/rates.xml")


def installed_wheel(directory: Path) -> Path:
    """Build the source distribution and the wheel; return the directory of the unpacked wheel."""
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


def test_wheel_serves_everything_in_an_empty_directory_without_the_checkout(tmp_path: Path) -> None:
    installed, empty = installed_wheel(tmp_path), tmp_path / "empty"
    empty.mkdir()
    packages = {path.name for path in installed.iterdir()}
    assert packages >= {"domain", "persistence", "feeds", "gateway", "cabinet_htmx"}
    assert packages.isdisjoint({"tests", "bench"})
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
