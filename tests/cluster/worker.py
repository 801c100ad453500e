"""A process of settlement, rates or webhooks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conftest import SWAPGATE, free_port, responds
from tests.support.servers.nodes.program import Program


class Worker(Program):
    """One process, which is ready once it serves its metrics."""

    def __init__(
        self,
        command: str,
        options: Sequence[str],
        data_dir: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        port = free_port()
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        super().__init__(
            [
                *(*SWAPGATE, command, *options),
                *("--metrics-port", str(port), "--data-dir", str(data_dir)),
            ],
            environment,
            log,
        )

    def is_ready(self) -> bool:
        return self.runs() and responds(self.metrics)
