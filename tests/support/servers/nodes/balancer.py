"""HAProxy with the file in deploy/, in front of several gateways."""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import free_port
from tests.support.clients.snippets import ROOT
from tests.support.servers.authority import Authority
from tests.support.servers.nodes.gateways import Gateway
from tests.support.servers.nodes.program import Program
from tests.support.waiting import wait_until

CONFIGURATION = ROOT / "deploy/haproxy/haproxy.cfg"


class Balancer(Program):
    """A HAProxy that speaks TLS as localhost, and checks the nodes more often than in deploy/."""

    def __init__(
        self, directory: Path, nodes: Sequence[Gateway], *, port: int | None = None
    ) -> None:
        authority = Authority(directory)
        self.authority = authority.file
        self.port = port or free_port()
        self.base_url = f"https://localhost:{self.port}"
        self._socket = directory / "admin.sock"
        self._nodes = {f"node{number}": node.port for number, node in enumerate(nodes)}
        configuration, backend = directory / "haproxy.cfg", directory / "gateways.cfg"
        configuration.write_text(
            shipped(
                {
                    "  user haproxy\n  group haproxy\n": "",
                    "/run/haproxy": str(directory),
                    "bind :80": f"bind 127.0.0.1:{free_port()}",
                    "bind :443": f"bind 127.0.0.1:{self.port}",
                    "/etc/haproxy/certificates": str(authority.certificate_of("localhost")),
                    "inter 1s": "inter 200ms",
                }
            )
        )
        servers = [f"  server {name} 127.0.0.1:{port}\n" for name, port in self._nodes.items()]
        backend.write_text("backend swapgate from gateways\n" + "".join(servers))
        program = shutil.which("haproxy")
        assert program is not None
        super().__init__(
            [program, "-W", "-f", str(configuration), "-f", str(backend)],
            os.environ,
            directory / "haproxy.log",
        )

    def up(self) -> set[str]:
        """Return the nodes that it sends calls to, by name; none while it does not respond."""
        table = ""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self._socket))
            client.sendall(b"show stat\n")
            table = b"".join(iter(lambda: client.recv(1 << 16), b"")).decode()
        rows = [line.split(",") for line in table.splitlines() if line.startswith("swapgate,node")]
        return {row[1] for row in rows if row[17] == "UP"}

    def uses(self, node: Gateway) -> bool:
        return any(self._nodes[name] == node.port for name in self.up())

    def is_ready(self) -> bool:
        """Return whether it sends calls to all nodes."""
        return self.up() == self._nodes.keys()

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, context=self.log.read_text)


@contextmanager
def balanced(directory: Path, nodes: Sequence[Gateway]) -> Iterator[Balancer]:
    """Run HAProxy in front of nodes, until it sends calls to all of them."""
    balancer = Balancer(directory, nodes)
    try:
        balancer.wait_until_ready()
        yield balancer
    finally:
        balancer.stop()


def shipped(values: Mapping[str, str]) -> str:
    """Return the configuration in deploy/ with these values instead of its own."""
    text = CONFIGURATION.read_text()
    for example, value in values.items():
        assert example in text, example
        text = text.replace(example, value)
    return text
