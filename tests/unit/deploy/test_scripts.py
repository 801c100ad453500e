"""The scripts in deploy/: what a linter says, and how backups are made and kept."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from gateway.settings import Settings
from tests.support.deploy import DEPLOY, shell_scripts, tool

needs_shellcheck = pytest.mark.skipif(
    not Path(tool("shellcheck")).exists(), reason="needs the development requirements"
)
PASSWORD = "a%b+c"
DUMP = """\
#!/bin/sh
echo "$@" > "$LOG" && echo "$PGPASSWORD" >> "$LOG"
for option; do case $option in --file=*) echo content > "${option#--file=}" ;; esac; done
"""
RESTORE = """\
#!/bin/sh
echo "1; 0 1 TABLE DATA public orders swapgate_owner"
exit ${BROKEN:-0}
"""


@needs_shellcheck
@pytest.mark.parametrize("script", shell_scripts(), ids=lambda path: path.name)
def test_a_script_is_executable_and_shellcheck_finds_nothing_wrong(script: Path) -> None:
    assert os.access(script, os.X_OK)
    done = subprocess.run(
        [tool("shellcheck"), str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@needs_shellcheck
def test_shellcheck_notices_what_is_wrong(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nrm $1/*\n")
    assert subprocess.run([tool("shellcheck"), script], capture_output=True).returncode == 1  # noqa: PLW1510


def test_scripts_are_found() -> None:
    assert {one.name for one in shell_scripts()} == {
        *("init", "with-settings", "valkey", "postgres.sh", "backup.sh", "restore.sh"),
    }


def test_every_variable_of_swapgate_that_files_name_is_a_setting() -> None:
    names = {one.encode_name for one in msgspec.structs.fields(Settings)}
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    found = {name for path in files for name in re.findall(r"\bSWAPGATE_\w+", path.read_text())}
    assert found
    assert found <= names


class Backups:
    """backup.sh with programs of PostgreSQL that only record how they are called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "backups"
        self._programs = directory / "bin"
        self._programs.mkdir()
        self._log = directory / "log"
        for name, text in (("pg_dump", DUMP), ("pg_restore", RESTORE)):
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DEPLOY / "backup/backup.sh"), str(self.directory)],
            env={
                "PATH": f"{self._programs}:{os.environ['PATH']}",
                "LOG": str(self._log),
                "SWAPGATE_DATABASE_URL": "postgresql://owner:a%25b%2Bc@db.example/swapgate?sslmode=x",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[str]:
        """Return the arguments of pg_dump and the password in its environment."""
        return self._log.read_text().splitlines()

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*.dump"))


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(tmp_path)


def test_the_password_of_the_database_is_not_on_the_command_line(backups: Backups) -> None:
    assert backups.run().returncode == 0
    arguments, password = backups.called()
    assert arguments.endswith("--dbname=postgresql://owner@db.example/swapgate?sslmode=x")
    assert password == PASSWORD


def test_a_backup_is_made_past_a_pooler(backups: Backups) -> None:
    backups.run(SWAPGATE_DATABASE_DIRECT_URL="postgresql://owner:p@direct.example/swapgate")
    assert backups.called()[0].endswith("owner@direct.example/swapgate")


def test_a_backup_is_readable_by_its_owner_only_and_has_a_checksum(backups: Backups) -> None:
    backups.run()
    (name,) = backups.kept()
    assert {path.stat().st_mode & 0o077 for path in backups.directory.iterdir()} == {0}
    check = ["sha256sum", "--check", f"{name}.sha256"]
    done = subprocess.run(check, cwd=backups.directory, check=False, capture_output=True)
    assert done.stdout == f"{name}: OK\n".encode()


def test_only_the_newest_backups_are_kept(backups: Backups) -> None:
    backups.directory.mkdir()
    for day in range(1, 6):
        for suffix in ("", ".sha256"):
            (backups.directory / f"swapgate-2026010{day}T030000Z.dump{suffix}").touch()
    (backups.directory / "notes.txt").touch()
    assert backups.run(KEEP="3").returncode == 0
    *old, new = backups.kept()
    assert old == ["swapgate-20260104T030000Z.dump", "swapgate-20260105T030000Z.dump"]
    assert len(list(backups.directory.glob("*.sha256"))) == 3
    assert (backups.directory / "notes.txt").exists()
    assert new > old[-1]


@pytest.mark.parametrize("environment", [{"BROKEN": "1"}, {"KEEP": "0"}, {"KEEP": "all"}])
def test_without_a_readable_dump_nothing_is_kept_or_deleted(
    backups: Backups, environment: dict[str, str]
) -> None:
    backups.directory.mkdir()
    old = backups.directory / "swapgate-20260101T030000Z.dump"
    old.touch()
    assert backups.run(**environment).returncode != 0
    assert backups.kept() == [old.name]
    assert not (backups.directory / ".unfinished").exists()


@contextmanager
def server(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{one.server_port}/healthz"
        one.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_a_container_is_healthy_while_its_process_responds_with_status_200(
    status: int, healthy: bool
) -> None:
    with server(status) as url:
        assert is_healthy(url) is healthy
    assert not is_healthy(url), "nothing listens any more"


def is_healthy(url: str) -> bool:
    done = subprocess.run(
        [str(DEPLOY / "docker/healthy"), url], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode == 0
