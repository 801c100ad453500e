"""The guide to external servers in docs/operations.md, run as it is written."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.wiring.installation.files import variables_in
from tests.conftest import free_port
from tests.support.clients.snippets import ROOT, blocks
from tests.support.servers.authority import Authority
from tests.support.servers.own.external import (
    SUPERUSER_PASSWORD,
    ExternalPostgres,
    ExternalValkey,
    debian_postgres,
    external_postgres,
    external_valkey,
)
from tests.support.waiting import wait_until

STEPS = ["database", "init", "migrate", "processes", "doctor", "call", "pgbouncer"]
POOLER = "127.0.0.1:6432"
"""Of which only the URLs are written here."""
MAY_FAIL = "doctor"
"""It names what the guide leaves to the operator: chains, limits and pay-in addresses."""


class Guide:
    """Servers, and what the guide's example values are replaced by."""

    def __init__(
        self, postgres: ExternalPostgres, valkey: ExternalValkey, authority: Path, directory: Path
    ) -> None:
        self.directory = directory
        self.settings = directory / "etc-swapgate"
        self.port = free_port()
        self.examples = {
            "db.example:5432": f"localhost:{postgres.port}",
            "/etc/swapgate/db-ca.pem": str(authority),
            "valkey.example:6379": f"127.0.0.1:{valkey.port}",
            "pooler.example:6432": POOLER,
            "/etc/swapgate": str(self.settings),
            "serve --port 8080": f"serve --metrics-port {free_port()} --port {self.port}",
            "8080": str(self.port),
            "9464": str(free_port()),
        }

    def script(self) -> str:
        """Return all steps as one script, which prints `== step` before each."""
        steps = [one for one in blocks(ROOT / "docs" / "operations.md", "sh") if one.step in STEPS]
        assert [one.step for one in steps] == STEPS
        text = "".join(
            f"echo '== {one.step}'\n"
            + (f"{{\n{one.text}}} || true\n" if one.step == MAY_FAIL else one.text)
            for one in steps
        )
        for example, value in self.examples.items():
            assert example in text, example
            text = text.replace(example, value)
        return f"set -euo pipefail\n{text}"

    def run(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Run the script in an empty directory; return what each step prints."""
        output = self.directory.with_suffix(".log")
        with output.open("w") as log:
            shell = subprocess.Popen(
                ["bash", "-c", self.script()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                    "HOME": str(self.directory),
                    "PGPASSWORD": SUPERUSER_PASSWORD,
                    **environment,
                },
                start_new_session=True,
            )
        try:
            shell.communicate(f"{SUPERUSER_PASSWORD}\n".encode(), timeout=200)
        finally:
            end_session(shell.pid)
        assert shell.returncode == 0, output.read_text()
        _, *printed = output.read_text().split("== ")
        return {step: text for step, _, text in (one.partition("\n") for one in printed)}


def end_session(session: int) -> None:
    """End all processes that the shell has started."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGTERM)
        wait_until(lambda: os.killpg(session, 0), lambda _: False, seconds=60)


@pytest.fixture
def guide(tmp_path: Path) -> Iterator[Guide]:
    authority = Authority(tmp_path)
    certificate = authority.certificate_of("localhost")
    folder = tmp_path / "empty"
    folder.mkdir()
    with (
        external_postgres(
            tmp_path / "postgres", debian_postgres(), certificate=certificate
        ) as postgres,
        external_valkey(tmp_path / "valkey") as valkey,
    ):
        yield Guide(postgres, valkey, authority.file, folder)


def failed(printed: str) -> list[str]:
    """Return the rows of the checks of doctor that failed, except those of a busy machine."""
    rows = [line.split(maxsplit=2) for line in printed.splitlines()]
    return [" ".join(row) for row in rows if row[1:2] == ["no"] and "respond" not in row[2]]


@pytest.mark.slow
def test_the_guide_ends_with_a_signed_call(guide: Guide) -> None:
    printed = guide.run({"SWAPGATE_RATES": "sandbox"})
    assert "CREATE ROLE" in printed["init"]
    assert '{"code":0,"msg":"","data":[]}' in printed["call"]
    assert re.search("^roles +yes", printed["doctor"], re.MULTILINE)
    assert failed(printed["doctor"]) == []
    logins = (guide.directory / "userlist.txt").read_text().splitlines()
    assert len(logins) == 4
    assert all(re.fullmatch(r'"swapgate_\w+" "SCRAM-SHA-256\S+"', line) for line in logins)
    serve = variables_in(guide.settings / "gateway/serve.env")
    direct = serve["SWAPGATE_DATABASE_DIRECT_URL"]
    assert serve["SWAPGATE_DATABASE_URL"] == re.sub("@[^/]*", f"@{POOLER}", direct)
    assert "swapgate_gateway" in direct
