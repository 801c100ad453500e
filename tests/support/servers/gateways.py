"""Several nodes of `swapgate serve` on the servers of one instance, behind HAProxy."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tests.conftest import FOR_TESTS, SWAPGATE, free_port, responds
from tests.support.clients.snippets import ROOT
from tests.support.servers.authority import Authority
from tests.support.waiting import wait_until

DRAINING_SECONDS = 3
CONFIGURATION = ROOT / "deploy/haproxy/haproxy.cfg"


class Gateway:
    """A node that can be stopped and started again on its port."""

    def __init__(self, data_dir: Path, *, workers: int = 1) -> None:
        self.port = free_port()
        self._reserved = reserved(self.port)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.metrics_port = free_port()
        self._data_dir = data_dir
        self._workers = workers
        self.log = data_dir.with_name(f"serve-{self.port}.log")
        self.process = self._started()

    def start(self) -> None:
        self.process = self._started()

    def stop(self, *, whole_group: bool = False) -> None:
        """Send SIGTERM and wait; to all processes of the node, as systemd does by default."""
        if whole_group:
            os.killpg(self.process.pid, signal.SIGTERM)
        else:
            self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self._reserved.close()

    def wait_until_ready(self) -> None:
        wait_until(lambda: responds(f"{self.base_url}/readyz"), context=self.log.read_text)

    def _started(self) -> subprocess.Popen[bytes]:
        options = ("--port", str(self.port), "--workers", str(self._workers))
        metrics = ("--metrics-port", str(self.metrics_port))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*SWAPGATE, "serve", *options, *metrics, "--data-dir", str(self._data_dir)],
                env={
                    **os.environ,
                    **FOR_TESTS,
                    "SWAPGATE_DRAINING_SECONDS": str(DRAINING_SECONDS),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


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
            node.kill()


class Balancer(msgspec.Struct, frozen=True):
    """A running HAProxy."""

    port: int
    directory: Path
    authority: Path

    def up(self) -> set[str]:
        """Return the nodes that it sends calls to, by name."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.directory / "admin.sock"))
            client.sendall(b"show stat\n")
            table = b"".join(iter(lambda: client.recv(1 << 16), b"")).decode()
        rows = [line.split(",") for line in table.splitlines() if line.startswith("swapgate,node")]
        return {row[1] for row in rows if row[17] == "UP"}


@contextmanager
def balanced(directory: Path, nodes: Sequence[Gateway]) -> Iterator[Balancer]:
    """Run HAProxy with the file in deploy/ in front of nodes, until it sends calls to all of them.

    It speaks TLS as localhost, and checks the nodes more often.
    """
    program = shutil.which("haproxy")
    assert program is not None
    authority = Authority(directory)
    balancer = Balancer(free_port(), directory, authority.file)
    configuration, backend = directory / "haproxy.cfg", directory / "gateways.cfg"
    configuration.write_text(
        shipped(
            {
                "  user haproxy\n  group haproxy\n": "",
                "/run/haproxy": str(directory),
                "bind :80": f"bind 127.0.0.1:{free_port()}",
                "bind :443": f"bind 127.0.0.1:{balancer.port}",
                "/etc/haproxy/certificates": str(authority.certificate_of("localhost")),
                "inter 1s": "inter 200ms",
            }
        )
    )
    names = [f"node{number}" for number in range(len(nodes))]
    servers = [
        f"  server {name} 127.0.0.1:{node.port}\n" for name, node in zip(names, nodes, strict=True)
    ]
    backend.write_text("backend swapgate from gateways\n" + "".join(servers))
    log = directory / "haproxy.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, "-W", "-f", configuration, "-f", backend], stdout=output, stderr=output
        )
    try:
        wait_until((directory / "admin.sock").exists, context=log.read_text)
        wait_until(balancer.up, set(names).__eq__, context=log.read_text)
        yield balancer
    finally:
        process.terminate()
        process.wait(60)


def shipped(values: Mapping[str, str]) -> str:
    """Return the configuration in deploy/ with these values instead of its own."""
    text = CONFIGURATION.read_text()
    for example, value in values.items():
        assert example in text, example
        text = text.replace(example, value)
    return text
