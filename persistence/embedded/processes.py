"""Processes of embedded servers: started, found by their directory, and signaled."""

import os
import pwd
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc/self/exe")
"""If this exists, processes are found by their working directory."""


def spawn(
    arguments: list[str],
    cwd: Path,
    log: Path,
    *,
    account: pwd.struct_passwd | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program in its own session, so that Ctrl-C in a terminal does not reach it.

    Only its own account can read the files that it creates.
    """
    with log.open("ab") as output:
        log.chmod(0o600)
        return subprocess.Popen(  # noqa: S603 - the wheels' own programs, no shell
            arguments,
            cwd=cwd,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def processes_in(program: str, cwd: Path) -> list[int]:
    """Return the ids of the running processes of a program whose working directory is `cwd`."""
    if not PROC.exists():
        return processes_by_arguments(program, cwd)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or belongs to another user
            executable = (process / "exe").readlink().name.removesuffix(" (deleted)")
            if executable == program and (process / "cwd").readlink() == cwd:
                found.append(int(process.name))
    return found


def processes_by_arguments(program: str, cwd: Path) -> list[int]:
    """Return the same without /proc: processes with the directory among their arguments."""
    listing = subprocess.run(
        ["/bin/ps", "-axwwo", "pid=,command="], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.strip().partition(" ") for line in listing.splitlines()]
    return [
        int(pid) for pid, _, command in rows if f"/{program} " in command and str(cwd) in command
    ]


def send_signal(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, ignoring those that have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
