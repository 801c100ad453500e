"""Child processes of `swapgate up`: started, restarted when they exit, stopped together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol, Self

from gateway.runtime.parent_death import PARENT_PID_VARIABLE

POLL_SECONDS: Final = 0.1
SERVER_CHECK_SECONDS: Final = 0.3
FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 5.0
HEALTHY_AFTER_SECONDS: Final = 30.0
SETTLED_AFTER_SECONDS: Final = 10.0
MAX_EARLY_EXITS: Final = 5
STOP_SECONDS: Final = 10.0
LOG_LIMIT_BYTES: Final = 10_000_000
LOG_LINES_SHOWN: Final = 12


class ChildKeepsExiting(Exception):
    """A child exited repeatedly right after its start; the message ends with its last log lines."""


class SupervisedServer(Protocol):
    """A server that runs next to the children, such as the embedded PostgreSQL."""

    @property
    def name(self) -> str:
        """The name used in events."""

    def is_running(self) -> bool:
        """Return whether it runs. Must be cheap: it is called several times a second."""

    def start(self) -> None:
        """Restart it, and return once it is ready; an exception ends the supervision."""


@dataclass(frozen=True)
class Child:
    """A program to keep running; `env` is added to the supervisor's own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = STOP_SECONDS
    """After SIGTERM; then it is killed."""


class EventKind(StrEnum):
    """The events of a child or a server."""

    STARTED = "started"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Event:
    """An event for the operator to read."""

    kind: EventKind
    name: str
    detail: str = ""


@dataclass
class _ChildState:
    """A child, its process while it runs, and its history of exits."""

    child: Child
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    exits: int = 0
    """Since it was last healthy."""
    early_exits: int = 0
    """Before it ever ran for long, except by SIGKILL, which is never the child's own doing."""
    has_settled: bool = False


class Supervisor:
    """Keeps children and servers running until SIGINT or SIGTERM.

    Use it in the main thread as a context manager: entering installs handlers for both signals,
    leaving stops the children in any case and restores the previous handlers.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        logs: Path,
        servers: Sequence[SupervisedServer] = (),
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """Write each child's output to `<logs>/<name>.log`. The servers already run."""
        self._children = [_ChildState(child, logs / f"{child.name}.log") for child in children]
        self._logs = logs
        self._servers = servers
        self._check_servers_at = 0.0
        self._on_event = on_event
        self._handlers: dict[signal.Signals, Any] = {}
        self.stopping = False
        """A signal was received: leave the context."""

    def __enter__(self) -> Self:
        """Install handlers for SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._request_stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children and restore the previous signal handlers."""
        self.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self) -> None:
        """Start every child."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for state in self._children:
            self._start(state)
            self._on_event(Event(EventKind.STARTED, state.child.name))

    def run(self) -> None:
        """Supervise until a signal; raise ChildKeepsExiting, or what a server's `start` raises."""
        while not self.stopping:
            self.poll()
            time.sleep(POLL_SECONDS)

    def poll(self) -> None:
        """Check all children and servers once, for callers that have their own loop."""
        now = time.monotonic()
        if now >= self._check_servers_at:
            self._check_servers_at = now + SERVER_CHECK_SECONDS
            for server in self._servers:
                self._check_server(server)
        for state in self._children:
            self._check_child(state)

    def stop(self) -> None:
        """Stop every child and its process group: SIGTERM, and SIGKILL after ten seconds."""
        running = [(state, state.process) for state in self._children if state.process is not None]
        for _, process in running:
            process.terminate()
        stopped_at = time.monotonic()
        for state, process in running:
            detail = ""
            try:
                process.wait(max(0.0, stopped_at + state.child.stop_seconds - time.monotonic()))
            except subprocess.TimeoutExpired:
                detail = f"by force, after {state.child.stop_seconds:g} s"
            _kill_group(process)
            process.wait()
            state.process = None
            self._on_event(Event(EventKind.STOPPED, state.child.name, detail))

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _check_server(self, server: SupervisedServer) -> None:
        if server.is_running():
            return
        self._on_event(Event(EventKind.DIED, server.name))
        server.start()
        self._on_event(Event(EventKind.RESTARTED, server.name))

    def _check_child(self, state: _ChildState) -> None:
        if state.process is None:
            if time.monotonic() >= state.restart_at:
                self._start(state)
                self._on_event(Event(EventKind.RESTARTED, state.child.name))
        elif state.process.poll() is not None:
            self._handle_exit(state, state.process)

    def _start(self, state: _ChildState) -> None:
        if state.log.exists() and state.log.stat().st_size > LOG_LIMIT_BYTES:
            state.log.replace(state.log.with_suffix(".log.1"))
        with state.log.open("ab") as log:
            state.log.chmod(0o600)
            state.process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                state.child.argv,
                env={**os.environ, **state.child.env, PARENT_PID_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must reach only the supervisor
            )
        state.started_at = time.monotonic()

    def _handle_exit(self, state: _ChildState, process: subprocess.Popen[bytes]) -> None:
        """Kill the rest of a child's process group, and schedule its restart.

        Raises ChildKeepsExiting if it has exited too often to be restarted.
        """
        _kill_group(process)
        state.process = None
        reason = _exit_reason(process.returncode)
        uptime = time.monotonic() - state.started_at
        state.has_settled |= uptime >= SETTLED_AFTER_SECONDS
        state.early_exits += process.returncode != -signal.SIGKILL
        state.exits = 1 if uptime >= HEALTHY_AFTER_SECONDS else state.exits + 1
        if not state.has_settled and state.early_exits >= MAX_EARLY_EXITS:
            raise ChildKeepsExiting(
                f"{state.child.name} died {state.early_exits} times right after its start "
                f"({reason}); {state.log} ends with:\n{_last_lines(state.log)}"
            )
        backoff = min(FIRST_BACKOFF_SECONDS * 2 ** (state.exits - 1), MAX_BACKOFF_SECONDS)
        state.restart_at = time.monotonic() + backoff
        detail = f"{reason}, restart in {backoff:.1f} s"
        self._on_event(Event(EventKind.DIED, state.child.name, detail))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the remaining processes of a child: the id of their group is the child's."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS raises the latter for a zombie's group
        return


def _exit_reason(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
