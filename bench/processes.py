"""Servers that a benchmark starts: the cores they run on, and the CPU and memory they use."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 30
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Server(msgspec.Struct, frozen=True):
    """A process that was started, and the port on 127.0.0.1 where it listens."""

    process: "subprocess.Popen[bytes]"
    port: int

    def pids(self) -> list[int]:
        """Return the process and all its current descendants."""
        return family(self.process.pid)

    def resident_megabytes(self) -> float:
        """Return the memory of its largest descendant, or its own if it has none."""
        first, *workers = self.pids()
        return max(resident_megabytes(pid) for pid in workers or [first])

    def pin(self, *cores: int) -> None:
        """Restrict it and its descendants to these cores."""
        pin(self.pids(), *cores)


@contextmanager
def running(
    argv: Sequence[str],
    port: int,
    *,
    environment: Mapping[str, str] | None = None,
    ready_at: str | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends; wait until it listens, or returns 200 at `ready_at`."""
    process = subprocess.Popen(
        argv, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(process, port, ready_at)
        yield Server(process, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python(*arguments: str) -> list[str]:
    """Return a command line of this Python interpreter."""
    return [sys.executable, *arguments]


def free_port() -> int:
    """Return a port for a server that is about to start.

    The system assigns ports from 32768 on to outgoing connections, which could take one meanwhile.
    """
    for port in random.sample(range(5_000, 10_000), 1_000):
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def family(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            children.setdefault(int(_stat(entry)[1]), []).append(int(entry.name))
    members = [pid]
    for member in members:
        members += children.get(member, ())
    return members


def pin(pids: Sequence[int], *cores: int) -> None:
    """Restrict every thread of these processes to these cores."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that living processes have used: user and system."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = _stat(Path(f"/proc/{pid}"))
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def machine_cpu_seconds() -> float:
    """Return the CPU time used by all processes of the machine, and stolen by the hypervisor.

    It is the sum of user, nice, system and steal in /proc/stat (proc(5)).
    """
    fields = Path("/proc/stat").read_text().split(maxsplit=9)
    return sum(int(fields[index]) for index in (1, 2, 3, 8)) / TICKS_PER_SECOND


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, including shared pages."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1e6


def _stat(process: Path) -> list[str]:
    """Return the fields of /proc/PID/stat from `state` on (proc(5), field 3)."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, ready_at: str | None) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}{ready_at or '/'}", timeout=2):
                return
        except HTTPError as error:
            error.close()
            if ready_at is None:  # an application without that route is up too
                return
        except (URLError, OSError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server on port {port} did not become ready")
