"""Child processes of `swapgate up`: started, restarted when they die, stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol, Self

PARENT_PID_VARIABLE: Final = "SWAPGATE_PARENT_PID"

POLL_SECONDS: Final = 0.1
WATCH_SECONDS: Final = 0.3
FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 5.0
HEALTHY_AFTER_SECONDS: Final = 30.0
SETTLED_AFTER_SECONDS: Final = 10.0
DEATHS_AT_START: Final = 5
STOP_SECONDS: Final = 10.0
LOG_LIMIT_BYTES: Final = 10_000_000
LOG_LINES_SHOWN: Final = 12

_PR_SET_PDEATHSIG: Final = 1


class ChildKeepsDying(Exception):
    """A child died again and again right at its start; the text ends with what it logged."""


class Watched(Protocol):
    """A server that runs beside the children, such as an embedded PostgreSQL."""

    @property
    def name(self) -> str:
        """What events call it."""

    def is_running(self) -> bool:
        """Tell cheaply whether it lives: asked several times a second."""

    def start(self) -> None:
        """Start it again and return when it works; raise what should end the supervision."""


@dataclass(frozen=True)
class Child:
    """A program to keep running; `env` is added to the supervisor's own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class EventKind(StrEnum):
    """What can happen to a child or a watched server."""

    STARTED = "started"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Event:
    """Something that happened, for the operator to read."""

    kind: EventKind
    name: str
    detail: str = ""


@dataclass
class _Kept:
    """A child, its present process if it has one, and how it has fared."""

    child: Child
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0
    """Since it was last healthy."""
    early_deaths: int = 0
    """Before it has ever settled, and not by SIGKILL: that is done to it."""
    has_settled: bool = False


class Supervisor:
    """Keeps children and watched servers running until told to stop by SIGINT or SIGTERM.

    Use it from the main thread, as a context manager: entering takes over the two signals, leaving
    stops the children, whatever the reason, and gives the signals back.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        logs: Path,
        watch: Sequence[Watched] = (),
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """Each child's output goes to `<logs>/<name>.log`. Watched servers run already."""
        self._kept = [_Kept(child, logs / f"{child.name}.log") for child in children]
        self._logs = logs
        self._watch = watch
        self._watch_at = 0.0
        self._on_event = on_event
        self._handlers: dict[signal.Signals, Any] = {}
        self.stopping = False
        """A signal has asked to stop: leave the context."""

    def __enter__(self) -> Self:
        """Take over SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children and give the signals back."""
        self.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self) -> None:
        """Start every child."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kept in self._kept:
            self._start(kept)
            self._on_event(Event(EventKind.STARTED, kept.child.name))

    def run(self) -> None:
        """Supervise until asked to stop; raise ChildKeepsDying, or what a watched server raises."""
        while not self.stopping:
            self.poll()
            time.sleep(POLL_SECONDS)

    def poll(self) -> None:
        """Look after everyone once: for a caller with a loop of its own, as while things start."""
        now = time.monotonic()
        if now >= self._watch_at:
            self._watch_at = now + WATCH_SECONDS
            for watched in self._watch:
                self._look_after_watched(watched)
        for kept in self._kept:
            self._look_after(kept)

    def stop(self) -> None:
        """End every child: SIGTERM, ten seconds, SIGKILL. Nothing of theirs is left."""
        running = [(kept, kept.process) for kept in self._kept if kept.process is not None]
        for _, process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for kept, process in running:
            detail = ""
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                detail = f"by force, after {STOP_SECONDS:g} s"
            _kill_group(process)
            process.wait()
            kept.process = None
            self._on_event(Event(EventKind.STOPPED, kept.child.name, detail))

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _look_after_watched(self, watched: Watched) -> None:
        if watched.is_running():
            return
        self._on_event(Event(EventKind.DIED, watched.name))
        watched.start()
        self._on_event(Event(EventKind.RESTARTED, watched.name))

    def _look_after(self, kept: _Kept) -> None:
        if kept.process is None:
            if time.monotonic() >= kept.restart_at:
                self._start(kept)
                self._on_event(Event(EventKind.RESTARTED, kept.child.name))
        elif kept.process.poll() is not None:
            self._bury(kept, kept.process)

    def _start(self, kept: _Kept) -> None:
        if kept.log.exists() and kept.log.stat().st_size > LOG_LIMIT_BYTES:
            kept.log.replace(kept.log.with_suffix(".log.1"))
        with kept.log.open("ab") as log:
            kept.log.chmod(0o600)
            kept.process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                kept.child.argv,
                env={**os.environ, **kept.child.env, PARENT_PID_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C is ours to pass on
            )
        kept.started_at = time.monotonic()

    def _bury(self, kept: _Kept, process: subprocess.Popen[bytes]) -> None:
        """Clear up after a dead child and decide when it comes back, if at all."""
        _kill_group(process)
        kept.process = None
        lived = time.monotonic() - kept.started_at
        kept.has_settled |= lived >= SETTLED_AFTER_SECONDS
        kept.early_deaths += process.returncode != -signal.SIGKILL
        kept.deaths = 1 if lived >= HEALTHY_AFTER_SECONDS else kept.deaths + 1
        if not kept.has_settled and kept.early_deaths >= DEATHS_AT_START:
            raise ChildKeepsDying(
                f"{kept.child.name} died {kept.early_deaths} times right at its start "
                f"({_manner(process.returncode)}); {kept.log} ends with:\n{_last_lines(kept.log)}"
            )
        backoff = min(FIRST_BACKOFF_SECONDS * 2 ** (kept.deaths - 1), MAX_BACKOFF_SECONDS)
        kept.restart_at = time.monotonic() + backoff
        manner = f"{_manner(process.returncode)}, back in {backoff:.1f} s"
        self._on_event(Event(EventKind.DIED, kept.child.name, manner))


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have this process get a signal when the one that started it ends, however that ends.

    To be called early, by a supervisor's child and by each process such a child starts in turn: the
    expected parent is named in the environment, for whoever we start that is us. Does nothing for a
    process that was started by hand. On Linux the end of the thread that started us counts too:
    start children from the main thread.
    """
    expected = os.environ.get(PARENT_PID_VARIABLE)
    os.environ[PARENT_PID_VARIABLE] = str(os.getpid())
    if expected is None:
        return
    parent = int(expected)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os.kill(os.getpid(), number)
    else:
        threading.Thread(target=_follow, args=(parent, number), daemon=True).start()


def _follow(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), number)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what a child started and left behind: its process group bears its number."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a zombie's group
        return


def _manner(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
