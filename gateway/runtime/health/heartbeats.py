"""Kills a worker whose event loop does not run any more, so that another one takes its place.

Each worker listens on a socket of its own (SO_REUSEPORT). While one is stopped or hangs, the kernel
still gives it connections, and its clients wait for nobody: a reset makes them try again.
"""

import asyncio
import os
import select
import signal
import struct
import threading
import time
from contextlib import suppress
from typing import Final

import structlog

from gateway.runtime.metrics import count_killed_worker

INTERVAL_SECONDS: Final = 1.0
MAX_SILENT_INTERVALS: Final = 4
"""Longer than any step of the event loop: the longest, a collection of all garbage, takes a tenth
of a second, and passwords are hashed in another process. A client waits five seconds at most.
"""

_PID: Final = struct.Struct("=q")
_READ_BYTES: Final = 1 << 16

log = structlog.get_logger()


class _Worker:
    """A worker that serves calls. Its descriptor is of this very process (pidfd_open(2))."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)
        self.silent_intervals = 0

    def has_exited(self) -> bool:
        readable, _, _ = select.select([self.descriptor], [], [], 0)
        return bool(readable)


class Heartbeats:
    """A pipe from the workers to the process that started them, which watches them.

    Intervals are counted, not seconds: if the machine is suspended, no worker is killed for it.
    """

    def __init__(self) -> None:
        """Open the pipe; workers that are forked afterwards inherit it."""
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._workers: dict[int, _Worker] = {}
        self._heard: set[int] = set()

    def begin(self) -> None:
        """Send the heartbeat of this worker from now on, as long as its event loop runs."""
        self.send(os.getpid())
        asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self.begin)

    def send(self, pid: int) -> None:
        """Send a heartbeat; it is lost if nobody reads, while the parent is stopped."""
        with suppress(OSError):
            os.write(self._writer, _PID.pack(pid))

    def watch(self) -> None:
        """Watch the workers in a thread, as long as this process runs."""
        threading.Thread(target=self._keep_watching, name="heartbeats", daemon=True).start()

    def serving(self) -> list[int]:
        """Return the process ids of the workers that serve calls; in a worker, as it was forked."""
        return [pid for pid, worker in self._workers.items() if not worker.has_exited()]

    def check(self) -> list[int]:
        """End an interval: kill the workers that were silent for too long; return their ids."""
        self._hear()
        heard, self._heard = self._heard, set()
        for pid, worker in list(self._workers.items()):
            worker.silent_intervals = 0 if pid in heard else worker.silent_intervals + 1
            if worker.has_exited():
                self._forget(pid)
        silent = [
            pid
            for pid, worker in self._workers.items()
            if worker.silent_intervals >= MAX_SILENT_INTERVALS
        ]
        for pid in silent:
            log.error("worker does not respond: killed", pid=pid)
            count_killed_worker()
        # Only now: the process forks again as soon as a worker has ended, also while this logs.
        for pid in silent:
            signal.pidfd_send_signal(self._workers[pid].descriptor, signal.SIGKILL)
            self._forget(pid)
        return silent

    def _keep_watching(self) -> None:
        while True:
            interval_ends = time.monotonic() + INTERVAL_SECONDS
            while (remaining := interval_ends - time.monotonic()) > 0:
                select.select([self._reader], [], [], remaining)
                self._hear()  # at once, so that `serving` knows who has begun
            self.check()

    def _hear(self) -> None:
        """Record the workers that have sent heartbeats."""
        content = b""
        with suppress(BlockingIOError):
            while read := os.read(self._reader, _READ_BYTES):
                content += read
        self._heard |= {pid for (pid,) in _PID.iter_unpack(content)}
        for pid in self._heard - self._workers.keys():
            with suppress(ProcessLookupError):
                self._workers[pid] = _Worker(pid)

    def _forget(self, pid: int) -> None:
        os.close(self._workers.pop(pid).descriptor)
