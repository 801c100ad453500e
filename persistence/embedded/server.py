"""A server process with its own directory, reachable through a unix socket only."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from persistence.embedded.errors import DataDirGone, EmbeddedError, ServerDidNotStart
from persistence.embedded.files import exclusive, last_lines, rotate_log, writing_to
from persistence.embedded.processes import processes_in, send_signal

START_ATTEMPTS: Final = 5
ADOPT_SECONDS: Final = 20
START_SECONDS: Final = 120  # crash recovery may replay a gigabyte of WAL
STOP_SECONDS: Final = 30
POLL_INTERVAL_SECONDS: Final = 0.01
SOCKET_PATH_BYTES: Final = 103  # sun_path less its NUL: 104 on macOS and BSD, 108 on Linux


class EmbeddedServer(ABC):
    """A server process with its own directory.

    Only the owner of the directory calls `start` and `stop`; other processes need only the server's
    URL, which is derived from the directory.
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
        """Start the server, or adopt the one that runs already; return when it accepts commands.

        Processes and files left by a crash are removed first. Raises EmbeddedError. Raises
        DataDirGone if this object has run the server before and the directory was removed since:
        an empty database in its place would hide the loss.
        """
        if self._has_run and not self._directory.exists():
            raise DataDirGone(f"{self._directory} was removed, and with it the data of {self.name}")
        with writing_to(self._directory):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._directory / "start.lock"):
                self._prepare()
                self._start_or_adopt()
        self._has_run = True

    def is_running(self) -> bool:
        """Return whether the server's socket accepts connections."""
        if self._process is not None:
            self._process.poll()  # reap a child that has ended
        try:
            address = self._socket_directory() / self._socket_name
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(address))
        except (EmbeddedError, FileNotFoundError, ConnectionRefusedError):
            return False
        except (TimeoutError, BlockingIOError):
            return True  # running, but its backlog is full
        return True

    def stop(self) -> None:
        """Shut down cleanly, whichever process started the server; kill after STOP_SECONDS."""
        pids = self._processes()
        self._ask_to_stop(pids)
        send_signal(pids, signal.SIGCONT)  # a suspended process handles the signal too
        deadline = time.monotonic() + STOP_SECONDS
        while remaining := self._processes():
            if time.monotonic() > deadline:
                send_signal(remaining, signal.SIGKILL)
            time.sleep(POLL_INTERVAL_SECONDS)
        if self._process is not None:
            # Without its directory, the process is not found by `_processes`.
            self._process.kill()
            self._process.wait()
            self._process = None

    @abstractmethod
    def _prepare(self) -> None:
        """Create the files that the server needs in its directory."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server executes commands."""

    @abstractmethod
    def _ask_to_stop(self, pids: list[int]) -> None:
        """Begin a clean shutdown, given the server's processes."""

    def _home(self) -> Path:
        """Return the working directory; it contains the socket if its path is short enough."""
        return self._directory

    def _start_or_adopt(self) -> None:
        if self.is_running() and self._is_ready_by(time.monotonic() + ADOPT_SECONDS):
            return
        deadline = time.monotonic() + START_SECONDS
        for attempt in range(START_ATTEMPTS):
            time.sleep(0.2 * attempt)
            self.stop()  # an unresponsive process, or one left by a crash
            rotate_log(self._log)
            self._process = self._launch()
            if self._is_ready_by(deadline):
                return
        raise ServerDidNotStart(
            f"{self.name} did not start in {self._directory}; its log ends with:\n"
            + last_lines(self._log)
        )

    def _is_ready_by(self, deadline: float) -> bool:
        """Wait until the server accepts commands; False if it ends or the deadline passes."""
        while time.monotonic() < deadline:
            if self._answers():
                return True
            launched = self._process is not None and self._process.poll() is None
            if not launched and not self.is_running():
                return False
            time.sleep(POLL_INTERVAL_SECONDS)
        return False

    def _processes(self) -> list[int]:
        return processes_in(self._program, self._home())

    def _socket_directory(self) -> Path:
        """Return the directory of the socket: the working directory, or the recorded short one."""
        if _fits_socket_path(self._home() / self._socket_name):
            return self._home()
        try:
            return Path(self._socket_directory_file.read_text())
        except FileNotFoundError:
            raise EmbeddedError(f"{self.name} was never started in {self._directory}") from None

    @property
    def _socket_directory_file(self) -> Path:
        return self._directory / "socket-directory"

    def _ensure_socket_directory(self, owner: int) -> None:
        """Create a short private directory for the socket if the other path is too long.

        It is created again if the recorded one is missing or not owned by `owner`, as after a
        reboot.
        """
        if _fits_socket_path(self._home() / self._socket_name):
            return
        with suppress(EmbeddedError, OSError):
            recorded = self._socket_directory().lstat()
            if recorded.st_uid == owner and recorded.st_mode == 0o40700:
                return
        short = Path(tempfile.mkdtemp(prefix="swapgate-"))
        if not _fits_socket_path(short / self._socket_name):
            raise EmbeddedError(
                f"{short} is too long for a unix socket: set TMPDIR to a shorter path"
            )
        os.chown(short, owner, -1)
        self._socket_directory_file.write_text(str(short))


def start_together(*servers: EmbeddedServer) -> None:
    """Start servers concurrently; raise the first error after all have finished."""
    with ThreadPoolExecutor(max_workers=max(len(servers), 1)) as pool:
        for outcome in [pool.submit(server.start) for server in servers]:
            outcome.result()


def _fits_socket_path(address: Path) -> bool:
    return len(os.fsencode(address)) <= SOCKET_PATH_BYTES
