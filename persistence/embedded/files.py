"""Files of a data directory: write errors, locks and server logs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from persistence.embedded.errors import DataDirNotWritable

LOG_LIMIT_BYTES: Final = 10_000_000
LOG_LINES_SHOWN: Final = 12


@contextmanager
def writing_to(directory: Path) -> Iterator[None]:
    """Raise DataDirNotWritable for an OSError while writing to `directory`."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
        raise DataDirNotWritable(f"{directory} cannot be written: {reason}") from error


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for other processes."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def rotate_log(log: Path) -> None:
    """Rename a log that exceeds LOG_LIMIT_BYTES, replacing the previous one."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def last_lines(log: Path) -> str:
    """Return the last LOG_LINES_SHOWN lines of a log; empty without one."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def write_private(path: Path, content: str) -> None:
    """Write a file atomically that only its owner can read (mode 0600)."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    temporary.replace(path)


def make_private(directory: Path) -> None:
    """Let only the owner read a directory and everything in it: 0700, and 0600 for files."""
    directory.chmod(0o700)
    for path in directory.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
        elif path.is_file():
            path.chmod(0o600)


def let_others_traverse(directory: Path) -> None:
    """Let PostgreSQL's user traverse a directory and its parents without listing them."""
    for part in (directory, *directory.parents):
        mode = part.stat().st_mode
        if not mode & 0o001:
            part.chmod((mode & 0o7777) | 0o001)
