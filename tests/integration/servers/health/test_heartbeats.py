"""A worker whose event loop does not run is killed; others are not, whatever else happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.runtime.health.heartbeats import MAX_SILENT_INTERVALS, Heartbeats
from tests.support.waiting import wait_until


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def intervals(heartbeats: Heartbeats, count: int, *heard: int) -> list[int]:
    """Let intervals pass in which these workers are heard; return those that are killed."""
    killed = []
    for _ in range(count):
        for pid in heard:
            heartbeats.send(pid)
        killed += heartbeats.check()
    return killed


def test_a_worker_that_falls_silent_is_killed_even_if_it_is_stopped(
    worker: subprocess.Popen[bytes],
) -> None:
    heartbeats = Heartbeats()
    assert intervals(heartbeats, 1, worker.pid) == []
    assert heartbeats.serving() == [worker.pid]
    os.kill(worker.pid, signal.SIGSTOP)
    assert intervals(heartbeats, MAX_SILENT_INTERVALS - 1) == []
    assert intervals(heartbeats, 1) == [worker.pid]
    assert worker.wait(60) == -signal.SIGKILL
    assert heartbeats.serving() == []
    assert intervals(heartbeats, 2 * MAX_SILENT_INTERVALS) == []


def test_a_worker_that_is_heard_again_is_not_killed(worker: subprocess.Popen[bytes]) -> None:
    heartbeats = Heartbeats()
    for _ in range(3):
        assert intervals(heartbeats, 2, worker.pid) == []
        assert intervals(heartbeats, MAX_SILENT_INTERVALS - 1) == []
    assert worker.poll() is None


def test_a_worker_that_has_not_served_yet_is_not_watched(worker: subprocess.Popen[bytes]) -> None:
    """It may wait for its data, and no client waits for it."""
    assert intervals(Heartbeats(), 2 * MAX_SILENT_INTERVALS) == []
    assert worker.poll() is None


def test_heartbeats_that_arrived_while_nobody_watched_count(
    worker: subprocess.Popen[bytes],
) -> None:
    """The watching process was stopped for an hour, or its machine: the worker was not silent."""
    heartbeats = Heartbeats()
    for _ in range(3600):
        heartbeats.send(worker.pid)
    assert heartbeats.check() == []
    assert heartbeats.serving() == [worker.pid]
    for _ in range(1 << 16):  # more than the pipe can hold
        heartbeats.send(worker.pid)
    assert heartbeats.check() == []
    assert worker.poll() is None


def test_a_worker_that_ended_by_itself_is_forgotten(worker: subprocess.Popen[bytes]) -> None:
    heartbeats = Heartbeats()
    intervals(heartbeats, 1, worker.pid)
    worker.kill()
    wait_until(heartbeats.serving, [].__eq__)
    worker.wait(60)
    assert intervals(heartbeats, 2 * MAX_SILENT_INTERVALS) == []
