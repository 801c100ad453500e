"""The units in deploy/systemd run every process, hardened, each with its own settings."""

import re
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from gateway.server import KILL_AFTER_SECONDS
from gateway.settings import Settings
from gateway.wiring.installation.files import FILES
from tests.support.deploy import DEPLOY, PROCESSES, UNITS, directives, parse, value_of

PROGRAM = "/opt/swapgate/bin/swapgate"
SCRIPT = "/opt/swapgate/libexec/"
RUNNING = [unit for unit in UNITS if ("Restart", "always") in directives(unit)]
MAX_EXPOSURE = 20
"""In tenths, of `systemd-analyze security`."""


def program_of(unit: Path) -> list[str]:
    text = value_of(unit, "ExecStart").replace("%i", "8080").replace("${LISTEN_ON}", "127.0.0.1")
    return shlex.split(text)


def test_every_process_has_a_unit_with_its_settings() -> None:
    found = {}
    for unit in UNITS:
        program, *arguments = program_of(unit)
        if program == PROGRAM:
            file = value_of(unit, "EnvironmentFile").removeprefix("/etc/swapgate/")
            found[parse(arguments)] = file
        else:
            assert (DEPLOY / "backup" / program.removeprefix(SCRIPT)).is_file()
    assert found == {one.reader.strip("`"): one.name for one in FILES if one.reader[0] == "`"}
    assert len(RUNNING) == len(PROCESSES)


@pytest.mark.parametrize("unit", RUNNING, ids=lambda unit: unit.name)
def test_a_unit_sees_the_folder_of_its_settings_only_and_belongs_to_its_user(unit: Path) -> None:
    folder = Path(value_of(unit, "EnvironmentFile")).parent
    assert value_of(unit, "BindReadOnlyPaths") == str(folder)
    assert value_of(unit, "User") == f"swapgate-{folder.name}"
    users = (DEPLOY / "systemd/swapgate.sysusers").read_text()
    assert re.search(rf"^u swapgate-{folder.name} ", users, re.MULTILINE)


def test_folders_of_settings_are_hidden_from_all_services() -> None:
    hardening = list(directives(DEPLOY / "systemd/swapgate-.service.d/hardening.conf"))
    assert ("TemporaryFileSystem", "/etc/swapgate:ro") in hardening
    assert all(unit.name.startswith("swapgate-") for unit in UNITS)


def test_metrics_have_a_port_of_their_own_in_every_process() -> None:
    ports = Counter(
        arguments[arguments.index("--metrics-port") + 1] for arguments in map(program_of, RUNNING)
    )
    assert max(ports.values()) == 1
    assert len(ports) == len(PROCESSES)


def test_processes_are_killed_only_after_they_had_time_to_drain_and_to_complete_calls() -> None:
    draining = {one.name: one.default for one in msgspec.structs.fields(Settings)}
    needed = float(draining["draining_seconds"]) + KILL_AFTER_SECONDS
    for unit in RUNNING:
        assert int(value_of(unit, "TimeoutStopSec").removesuffix("s")) > needed


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Install the units, with a program that exists, as `systemd-analyze verify` requires."""
    shutil.copytree(DEPLOY / "systemd", tmp_path, dirs_exist_ok=True)
    for one in DEPLOY.glob("backup/swapgate-backup.*"):
        shutil.copy(one, tmp_path)
    for one in tmp_path.glob("*.service"):
        text = one.read_text()
        one.write_text(re.sub(f"{PROGRAM}|{SCRIPT}[a-z.]+", "/bin/true", text))
    gateway = tmp_path / "swapgate-gateway@.service"
    gateway.rename(tmp_path / "swapgate-gateway@8080.service")
    return tmp_path


def analyze(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        env={"SYSTEMD_UNIT_PATH": f"{directory}:"},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    names = sorted(one.name for one in installed.iterdir() if one.suffix in (".service", ".timer"))
    assert len(names) == len(UNITS) + 1
    done = analyze(installed, "verify", "--man=no", "swapgate.target", *names)
    assert (done.returncode, done.stderr) == (0, "")
    (installed / "swapgate-rates.service").write_text("[Service]\nExecStrat=/bin/true\n")
    done = analyze(installed, "verify", "--man=no", "swapgate-rates.service")
    assert "ExecStrat" in done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_rates_every_service_as_hardly_exposed(installed: Path) -> None:
    services = sorted(one.name for one in installed.glob("*.service"))
    options = ("security", "--offline=yes", f"--threshold={MAX_EXPOSURE}")
    for service in services:
        done = analyze(installed, *options, service)
        assert done.returncode == 0, done.stdout
    shutil.rmtree(installed / "swapgate-.service.d")
    assert analyze(installed, *options, services[0]).returncode != 0
