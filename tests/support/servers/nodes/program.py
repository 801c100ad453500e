"""A program with its processes, which can be ended in several ways and started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class Program:
    """One program. Signals that are not for its first process alone reach its whole group."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._argv = list(argv)
        self._environment = dict(environment)
        self.process = self._started()

    def start(self) -> None:
        self.process = self._started()

    def stop(self, *, whole_group: bool = False) -> None:
        """Send SIGTERM and wait; to all processes, as systemd does by default."""
        if whole_group:
            self._signal(signal.SIGTERM)
        else:
            self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait(60)

    def suspend(self) -> None:
        """Have it hang, while its machine still accepts connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def runs(self) -> bool:
        return self.process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._argv,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
