"""The supervisor keeps its children running and leaves none behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.runtime.supervisor import Child, ChildKeepsExiting, Event, EventKind, Supervisor
from persistence.embedded.valkey import EmbeddedValkey
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

# Each child writes its process id to its log, where the test reads it.
STEADY = """\
import os, time
from gateway.runtime.parent_death import die_with_parent
die_with_parent()
print(os.getpid(), flush=True)
time.sleep(600)
"""
WITH_WORKER = f"""\
import subprocess, sys
from gateway.runtime.parent_death import die_with_parent
die_with_parent()
subprocess.run([sys.executable, "-c", {STEADY!r}])
"""
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
CARELESS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{STEADY}"
BROKEN = "import sys; print('the port is taken', flush=True); sys.exit(3)"

SUPERVISE = f"""\
import sys
from pathlib import Path
import gateway.runtime.supervisor
from gateway.runtime.supervisor import Child, Supervisor
gateway.runtime.supervisor.STOP_SECONDS = 0.5
sources = {{
    "steady": {STEADY!r}, "parent": {WITH_WORKER!r},
    "careless": {CARELESS!r}, "stubborn": {STUBBORN!r},
}}
children = [Child(name, [sys.executable, "-c", sources[name]]) for name in sys.argv[2:]]
with Supervisor(children, logs=Path(sys.argv[1]), on_event=print) as supervisor:
    supervisor.start()
    supervisor.run()
"""


def python(name: str, source: str) -> Child:
    return Child(name, [sys.executable, "-c", source], {"PYTHONPATH": str(ROOT)})


def pids(logs: Path, *names: str) -> list[int]:
    """Return the processes that have reported in the logs, if each log has one."""
    texts = [(logs / f"{name}.log").read_text().rpartition("\n")[0].split() for name in names]
    return [int(text[-1]) for text in texts] if all(texts) else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


@contextmanager
def supervising(logs: Path, *names: str) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Run a supervisor in a separate process; yield it and the process ids of its children."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(logs), *names],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: all((logs / f"{name}.log").exists() for name in names))
        wait_until(lambda: bool(pids(logs, *names)))
        yield process, pids(logs, *names)
    finally:
        process.kill()
        process.wait()


def test_a_killed_child_is_restarted(tmp_path: Path) -> None:
    events: list[Event] = []
    child = python("steady", STEADY)
    with Supervisor([child], logs=tmp_path, on_event=events.append) as supervisor:
        supervisor.start()
        wait_until(lambda: bool(pids(tmp_path, "steady")))
        (first,) = pids(tmp_path, "steady")

        def is_back() -> bool:
            supervisor.poll()
            return pids(tmp_path, "steady") != [first]

        os.kill(first, signal.SIGKILL)
        wait_until(is_back)
        (second,) = pids(tmp_path, "steady")

    assert not is_alive(second)
    assert events == [
        Event(EventKind.STARTED, "steady"),
        Event(EventKind.DIED, "steady", "killed by SIGKILL, restart in 0.2 s"),
        Event(EventKind.RESTARTED, "steady"),
        Event(EventKind.STOPPED, "steady"),
    ]


def test_a_child_that_keeps_failing_at_startup_ends_the_supervisor(tmp_path: Path) -> None:
    events: list[Event] = []
    children = [python("broken", BROKEN), python("steady", STEADY)]
    message = r"(?s)broken died 5 times right after its start \(exit status 3\).*the port is taken"
    with Supervisor(children, logs=tmp_path, on_event=events.append) as supervisor:
        supervisor.start()
        wait_until(lambda: pids(tmp_path, "steady"))
        with pytest.raises(ChildKeepsExiting, match=message):
            supervisor.run()

    assert [event.detail[-5:] for event in events if event.kind is EventKind.DIED] == [
        "0.2 s",
        "0.4 s",
        "0.8 s",
        "1.6 s",
    ]
    assert not is_alive(*pids(tmp_path, "steady"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_leaves_no_process_of_children_that_ignore_signals(
    tmp_path: Path, number: signal.Signals
) -> None:
    with supervising(tmp_path, "steady", "parent", "careless", "stubborn") as (process, children):
        assert all(is_alive(child) for child in children)

        process.send_signal(number)

        assert process.wait(timeout=MAX_WAIT_SECONDS) == 0
        wait_until(lambda: not any(is_alive(child) for child in children))


def test_children_and_their_workers_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    with supervising(tmp_path, "steady", "parent") as (process, children):
        process.kill()

        wait_until(lambda: not any(is_alive(child) for child in children))


def test_a_child_whose_parent_has_ended_exits_at_once() -> None:
    orphan = subprocess.run(
        [sys.executable, "-c", STEADY],
        env={**ENVIRONMENT, "SWAPGATE_PARENT_PID": "1"},
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )

    assert orphan.returncode == -signal.SIGTERM


def test_a_killed_watched_server_is_restarted(tmp_path: Path) -> None:
    events: list[Event] = []
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    with Supervisor(
        [], logs=tmp_path / "logs", servers=[server], on_event=events.append
    ) as supervisor:

        def is_back() -> bool:
            supervisor.poll()
            return len(events) == 2

        supervisor.start()
        supervisor.poll()
        assert events == []
        os.kill(server._processes()[0], signal.SIGKILL)
        wait_until(is_back)
        assert server.is_running()
    server.stop()

    assert events == [Event(EventKind.DIED, "Valkey"), Event(EventKind.RESTARTED, "Valkey")]


def test_a_log_over_its_limit_is_rotated_at_startup(tmp_path: Path) -> None:
    log = tmp_path / "steady.log"
    log.touch()
    os.truncate(log, 10_000_001)
    with Supervisor([python("steady", STEADY)], logs=tmp_path) as supervisor:
        supervisor.start()
        wait_until(lambda: bool(pids(tmp_path, "steady")))

    assert log.stat().st_size < 100
    assert (tmp_path / "steady.log.1").stat().st_size == 10_000_001
