"""Several nodes of `swapgate serve` on the servers of one instance."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import FOR_TESTS, SWAPGATE, free_port, responds
from tests.support.servers.nodes.program import Program
from tests.support.waiting import wait_until

DRAINING_SECONDS = 3


class Gateway(Program):
    """A node that can be stopped and started again on its port."""

    def __init__(
        self, data_dir: Path, *, workers: int = 1, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self._reserved = reserved(self.port)
        self.base_url = f"http://127.0.0.1:{self.port}"
        options = ("--port", str(self.port), "--workers", str(workers))
        metrics = ("--metrics-port", str(self.metrics_port))
        super().__init__(
            [*SWAPGATE, "serve", *options, *metrics, "--data-dir", str(data_dir)],
            {
                **os.environ,
                **FOR_TESTS,
                "SWAPGATE_DRAINING_SECONDS": str(DRAINING_SECONDS),
                **(environment or {}),
            },
            data_dir.with_name(f"serve-{self.port}.log"),
        )

    def is_ready(self) -> bool:
        return responds(f"{self.base_url}/readyz")

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, context=self.log.read_text)

    def close(self) -> None:
        """Kill it, and give its port back."""
        self.kill()
        self._reserved.close()


def reserved(port: int) -> socket.socket:
    """Keep a port while its node is restarted; a socket that does not listen gets no connection."""
    socket_ = socket.socket()
    socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    socket_.bind(("127.0.0.1", port))
    return socket_


@contextmanager
def running_gateways(data_dir: Path, count: int, *, workers: int = 1) -> Iterator[list[Gateway]]:
    """Run nodes on the servers of an instance of `up`."""
    nodes = [Gateway(data_dir, workers=workers) for _ in range(count)]
    try:
        for node in nodes:
            node.wait_until_ready()
        yield nodes
    finally:
        for node in nodes:
            node.close()
