"""A process of the lowest priority that performs a worker's tasks on passwords."""

import os
import socket
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from persistence.passwords.tasks import MAX_MESSAGE_BYTES, Task, Work, decode_done, encode

ROOT: Final = Path(__file__).parents[2]
IS_AVAILABLE: Final = sys.platform == "linux"
"""Other systems have no SCHED_IDLE, and no sockets between processes that keep messages apart."""


class PasswordProcess:
    """Performs one task at a time, in a process that the first of them starts.

    Under SCHED_IDLE (sched(7)) it runs when no other thread of the session or control group wants
    the core, and leaves it the moment one does. A thread of the worker under that policy could lose
    the core while it holds the interpreter's lock, and all calls would wait for it.
    """

    def __init__(self, *, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._number = 0

    @property
    def pid(self) -> int | None:
        """The process, if it was started."""
        return self._process.pid if self._process else None

    def perform(self, work: Work, /) -> bool | str | None:
        """Return the result, None if the work raised an error.

        Raises TimeoutError after the deadline, another OSError if there can be no such process. One
        that has ended is replaced.
        """
        try:
            return self._perform(work)
        except ConnectionError:
            self.close()
            return self._perform(work)

    def close(self) -> None:
        """End the process."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None

    def _perform(self, work: Work) -> bool | str | None:
        connection = self._socket or self._start()
        self._number += 1
        connection.send(encode(Task(self._number, work)))
        while message := connection.recv(MAX_MESSAGE_BYTES):
            done = decode_done(message)
            if done.number == self._number:  # not the result of one that missed its deadline
                return done.result
        raise ConnectionResetError("the process that hashes passwords has ended")

    def _start(self) -> socket.socket:
        own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = own
        own.settimeout(self._deadline_seconds)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "persistence.passwords"],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if not _is_ours(name)},
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
            )
        with suppress(PermissionError):  # a sandbox may forbid it; the process works all the same
            os.sched_setaffinity(self._process.pid, hashing_cores(os.sched_getaffinity(0)))
            os.sched_setscheduler(self._process.pid, os.SCHED_IDLE, os.sched_param(0))
        return own


def hashing_cores(cores: Collection[int]) -> list[int]:
    """Return the cores for hashing: a quarter of a worker's, the same for all workers.

    A server of another session or control group, such as Valkey, does not preempt the process at
    once: it has the other cores.
    """
    return sorted(cores)[-max(1, len(cores) // 4) :]


def _is_ours(variable: str) -> bool:
    """Tell whether a variable is a setting, which may be a secret that hashing does not need."""
    return variable.startswith("SWAPGATE_")
