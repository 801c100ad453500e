"""The steps of deploy/Dockerfile, run without containers: its first stage, and what it starts."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from persistence.embedded.files import let_others_traverse
from supply_chain.locks import RUNTIME_LOCK, Ecosystem, runtime_packages
from tests.support.clients.snippets import ROOT
from tests.support.deploy import DEPLOY
from tests.support.servers.confined import can_confine, confined

STAGE = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")[1].replace("\\\n", "")
USER = 10001
ELSEWHERE = {"async-timeout", "colorama", "pywin32", "tzdata", "win32-setctime"}
"""Packages of the lock that other systems or other versions of Python need."""


def sent() -> set[Path]:
    """Return the files that .dockerignore lets through, relative to the checkout."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith(("#", "*"))
    ]
    wanted = [line[1:] for line in lines if line.startswith("!")]
    not_wanted = [line for line in lines if not line.startswith("!")]
    listed = subprocess.run(
        ["git", "ls-files", *wanted, *(f":!{one}" for one in not_wanted)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {Path(line) for line in listed.stdout.splitlines()}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what is sent to the build and run its steps; return its /opt/swapgate."""
    directory = tmp_path_factory.mktemp("image")
    context = directory / "build"
    for file in sent():
        (context / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, context / file)
    python = directory / "python"
    subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
    steps = re.findall(r"^RUN (.+)$", STAGE, re.MULTILINE)
    assert len(steps) == 2
    for step in steps:
        script = step.replace("/wheels", f"{directory}/wheels").replace("/opt", f"{directory}/opt")
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=context,
            env={"PATH": f"{python}/bin:{os.environ['PATH']}", "HOME": str(directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return directory / "opt/swapgate"


def installed(image: Path) -> dict[str, str]:
    (packages,) = image.glob("lib/python*/site-packages")
    return {
        re.sub("[-_.]+", "-", one.name).lower(): one.version
        for one in distributions(path=[str(packages)])
    }


@pytest.mark.slow
def test_the_image_contains_the_locked_packages_and_nothing_else(image: Path) -> None:
    found = installed(image)
    version = found.pop("swapgate")
    assert version
    locked = {
        one.name: one.version for one in runtime_packages() if one.ecosystem is Ecosystem.PYPI
    }
    assert len(found) > 60, RUNTIME_LOCK
    assert found.items() <= locked.items()
    assert locked.keys() - found.keys() <= ELSEWHERE


@pytest.mark.slow
def test_the_image_contains_the_pages_with_what_npm_provides(image: Path) -> None:
    (pages,) = image.glob("lib/python*/site-packages/cabinet_htmx")
    assert {one.name for one in (pages / "static/vendor").iterdir()} == {
        "htmx.min.js",
        "pico.min.css",
    }
    assert (pages / "docs/pages/operations.md").exists()


@pytest.mark.slow
@pytest.mark.skipif(not can_confine(), reason="needs root, and Linux 6.3 or newer")
def test_the_command_of_the_image_runs_on_a_read_only_file_system(
    image: Path, tmp_path: Path
) -> None:
    let_others_traverse(image)
    let_others_traverse(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv, environment = confined(
            [str(image / "bin/swapgate"), *arguments],
            user=USER,
            temporary=tmp_path / "tmp",
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
        )
        return subprocess.run(
            argv, env=environment, cwd="/", capture_output=True, text=True, check=False
        )

    assert run("--version").stdout.strip().endswith(installed(image)["swapgate"])
    assert "settlement" in run("--help").stdout
    serve = run("serve")
    assert (serve.returncode, serve.stdout) == (1, "")
    assert "SWAPGATE_DATABASE_URL" in serve.stderr
