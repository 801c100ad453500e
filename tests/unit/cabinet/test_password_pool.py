import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from domain.errors import Unavailable
from persistence.passwords.hashing import hash_password
from persistence.passwords.pool import MAX_WAIT_SECONDS, PAUSE_SECONDS, PasswordPool
from persistence.passwords.process import PasswordProcess, hashing_cores
from persistence.passwords.tasks import Hash, IsCommon, Verify, Work
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery staple"
COMMON = "password123"
STORED = hash_password(PASSWORD)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[PasswordProcess]:
    """A process of normal priority: beside other tests, one of the lowest may never get a core."""
    monkeypatch.setattr(os, "SCHED_IDLE", os.SCHED_OTHER)
    process = PasswordProcess(deadline_seconds=120)
    yield process
    process.close()


def pid_of(process: PasswordProcess) -> int:
    pid = process.pid
    assert pid is not None
    return pid


def test_a_process_hashes_and_verifies(process: PasswordProcess) -> None:
    assert process.perform(Verify(PASSWORD, STORED)) is True
    assert process.perform(Verify("wrong", STORED)) is False
    assert process.perform(Verify(PASSWORD, None)) is False
    assert process.perform(IsCommon(COMMON, [])) is True
    assert process.perform(IsCommon(PASSWORD, [])) is False
    hashed = process.perform(Hash(PASSWORD))
    assert isinstance(hashed, str)
    assert process.perform(Verify(PASSWORD, hashed)) is True


def test_the_process_has_the_lowest_priority() -> None:
    process = PasswordProcess(deadline_seconds=0.001)
    with suppress(TimeoutError):
        process.perform(Verify(PASSWORD, STORED))
    cores = os.sched_getaffinity(0)
    try:
        assert os.sched_getscheduler(pid_of(process)) == os.SCHED_IDLE
        assert os.sched_getaffinity(pid_of(process)) == set(hashing_cores(cores))
    finally:
        process.close()
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


@pytest.mark.parametrize(("cores", "hashing"), [(1, [0]), (2, [1]), (4, [3]), (8, [6, 7])])
def test_most_cores_are_never_used_for_hashing(cores: int, hashing: list[int]) -> None:
    assert hashing_cores(set(range(cores))) == hashing


def test_passwords_and_settings_are_neither_arguments_nor_variables_of_the_process(
    monkeypatch: pytest.MonkeyPatch, process: PasswordProcess
) -> None:
    monkeypatch.setenv("SWAPGATE_DATABASE_URL", "postgresql://u:secret@h/d")
    assert process.perform(Verify(PASSWORD, STORED)) is True
    proc = Path(f"/proc/{pid_of(process)}")
    visible = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    assert b"persistence.passwords" in visible
    assert PASSWORD.encode() not in visible
    assert b"SWAPGATE" not in visible


def test_a_task_does_not_show_its_password() -> None:
    assert PASSWORD not in f"{Verify(PASSWORD, STORED)!r} {Hash(PASSWORD)!r}"


def test_a_process_that_was_killed_is_replaced(process: PasswordProcess) -> None:
    process.perform(Verify("wrong", None))
    killed = pid_of(process)
    os.kill(killed, signal.SIGKILL)
    assert process.perform(Verify(PASSWORD, STORED)) is True
    assert pid_of(process) != killed


def test_the_process_ends_when_its_worker_is_killed() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    with worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert is_running(pid)
        worker.kill()
    wait_until(lambda: is_running(pid), lambda running: not running)


WORKER = """
import os, time
from contextlib import suppress
from persistence.passwords.process import PasswordProcess
from persistence.passwords.tasks import Verify
os.SCHED_IDLE = os.SCHED_OTHER  # see the fixture
process = PasswordProcess(deadline_seconds=0.001)
with suppress(TimeoutError):
    process.perform(Verify("wrong", None))
print(process.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_an_error_of_the_process_is_raised(process: PasswordProcess) -> None:
    passwords = PasswordPool(process)
    with pytest.raises(ValueError, match="longer than 1024 bytes"):
        await passwords.hash("x" * 1025)
    assert await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))
    assert await passwords.is_common(COMMON, [])


class LateProcess:
    """One that a saturated machine leaves no time."""

    def __init__(self) -> None:
        self.tasks = 0

    def perform(self, _: Work) -> bool | str | None:
        self.tasks += 1
        raise TimeoutError

    def close(self) -> None:
        pass


async def test_a_thread_hashes_while_the_process_misses_its_deadline() -> None:
    now, late = 1.0, LateProcess()
    passwords = PasswordPool(late, monotonic=lambda: now)
    assert await passwords.verify(PASSWORD, STORED)
    assert not await passwords.verify("wrong", STORED)
    assert late.tasks == 1
    now += PAUSE_SECONDS
    assert await passwords.verify(PASSWORD, STORED)
    assert late.tasks == 2
    passwords.close()


class SlowProcess:
    """One whose tasks take just less than their deadline."""

    def __init__(self) -> None:
        self.now, self.tasks, self.proceed = 0.0, 0, threading.Event()

    def perform(self, _: Work) -> bool | str | None:
        self.proceed.wait(60)
        self.tasks += 1
        self.now += MAX_WAIT_SECONDS / 2
        return False

    def close(self) -> None:
        pass


async def test_a_full_queue_does_not_wait_for_a_slow_process() -> None:
    process = SlowProcess()
    passwords = PasswordPool(process, monotonic=lambda: process.now)
    running = [asyncio.ensure_future(passwords.verify("x", None)) for _ in range(10)]
    await asyncio.sleep(0)
    process.proceed.set()
    assert not any(await asyncio.gather(*running))
    assert process.tasks == 3, "the fourth waited too long, a thread hashes it and all others"
    passwords.close()


class StoppedProcess:
    """One that performs nothing until it may."""

    def __init__(self) -> None:
        self.proceed = threading.Event()

    def perform(self, _: Work) -> bool | str | None:
        return self.proceed.wait(60)

    def close(self) -> None:
        pass


async def test_a_queue_full_of_wrong_passwords_has_room_for_known_devices() -> None:
    process = StoppedProcess()
    passwords = PasswordPool(process, max_queued=3, reserved=2)
    running = [asyncio.ensure_future(passwords.verify("x", None)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.verify("x", None)
    running += [asyncio.ensure_future(passwords.verify("x", None, known=True)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.verify("x", None, known=True)
    process.proceed.set()
    assert all(await asyncio.gather(*running))
    passwords.close()
