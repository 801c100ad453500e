"""Why an embedded server cannot be started or used."""

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded server cannot be started or used; the message states why and the remedy."""


class DataDirNotWritable(EmbeddedError):
    """The data directory cannot be created or written."""


class DataDirInUse(EmbeddedError):
    """Another process owns the data directory; `pid` is its process id, None if unknown."""

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        self.pid = pid
        super().__init__(
            f"another `swapgate up` (process {pid or 'unknown'}) is running in {data_dir}: "
            "stop it, or choose another --data-dir"
        )


class DataDirGone(EmbeddedError):
    """The directory of a server was removed while the server used it."""


class OtherPostgresVersion(EmbeddedError):
    """The data directory was created by another major version of PostgreSQL."""


class ServerDidNotStart(EmbeddedError):
    """A server, or the preparation of its directory, failed; the message ends with its log."""
