"""pgbouncer of Debian in front of a PostgreSQL server."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from persistence.embedded.files import let_others_traverse
from tests.conftest import free_port
from tests.support.servers.own.external import running, system_account
from tests.support.waiting import wait_until

SESSIONS = 3
"""Fewer than a process has connections, so that transactions share sessions."""


class PgBouncer:
    """A pooler; `url` leads through it with the login of another URL."""

    def __init__(
        self, directory: Path, server: str, logins: dict[str, str], **settings: str
    ) -> None:
        self.port = free_port()
        self.directory = directory
        self._server = server
        self._logins = logins
        self._settings = settings

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return f"postgresql://{login}@127.0.0.1:{self.port}{parts.path}"

    def start(self) -> subprocess.Popen[bytes]:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "run .ci/debian-packages pgbouncer as root"
        self.directory.mkdir(parents=True)
        users = self.directory / "users.txt"
        users.write_text("".join(f'"{name}" "{word}"\n' for name, word in self._logins.items()))
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "pool_mode": "transaction",
            "default_pool_size": str(SESSIONS),
            "max_client_conn": "200",
            **self._settings,
        }
        file = self.directory / "pgbouncer.ini"
        lines = [f"{name} = {value}" for name, value in settings.items()]
        file.write_text(
            "\n".join(["[databases]", f"* = {self._server}", "[pgbouncer]", *lines, ""])
        )
        let_others_traverse(self.directory)
        account = self._account()
        for one in (self.directory, file, users):
            os.chown(one, account.pw_uid, account.pw_gid)
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [program, str(file)],
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                user=account.pw_uid,
                group=account.pw_gid,
            )

    def _account(self) -> pwd.struct_passwd:
        """Return the user that may connect to the server's socket, if it has one."""
        host = self._server.partition("host=")[2].partition(" ")[0]
        if host.startswith("/"):
            return pwd.getpwuid(Path(host).stat().st_uid)
        return system_account()


@contextmanager
def pgbouncer(
    directory: Path, urls: list[str], verifiers: Mapping[str, str] | None = None, **settings: str
) -> Iterator[PgBouncer]:
    """Run a pooler for these logins, or all `verifiers`, in front of the server that they use."""
    parts = [psycopg.conninfo.conninfo_to_dict(url) for url in urls]
    logins = {str(one["user"]): str(one["password"]) for one in parts}
    server = f"host={parts[0]['host']} port={parts[0]['port']}"
    pooler = PgBouncer(directory, server, {**logins, **(verifiers or {})}, **settings)

    def is_ready() -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(pooler.url(urls[0]), connect_timeout=2).close()
            return True
        return False

    with running(pooler.start()):
        wait_until(is_ready, context=(directory / "log").read_text)
        yield pooler
