"""The lock that says which process owns a data directory."""

import fcntl
import os
from pathlib import Path
from typing import Self

from persistence.embedded.errors import DataDirInUse
from persistence.embedded.files import writing_to


class DataDirLock:
    """The lock of a data directory, held by `up` from before its first write until it ends.

    It is a kernel lock on an open file, so it is released however its owner ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._file: int | None = None

    def acquire(self) -> None:
        """Create the directory if needed and take the lock.

        Raises DataDirInUse or DataDirNotWritable.
        """
        with writing_to(self._data_dir):
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 20).decode(errors="replace").strip()
            os.close(file)
            raise DataDirInUse(self._data_dir, int(owner) if owner.isdigit() else None) from None
        self._file = file
        with writing_to(self._data_dir):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        """Acquire."""
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()
