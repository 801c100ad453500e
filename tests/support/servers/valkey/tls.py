"""TLS in front of Valkey servers that have none: HAProxy, which accepts nothing else."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from persistence.embedded.processes import spawn
from tests.conftest import free_port
from tests.support.servers.valkey.cluster import HOST, Node, ValkeyCluster
from tests.support.waiting import wait_until

DEFAULTS: Final = (
    "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
)


@contextmanager
def tls_in_front(
    directory: Path, nodes: Sequence[Node], certificates: Sequence[Path]
) -> Iterator[list[int]]:
    """Serve nodes with TLS, each with its certificate; yield the ports in the order of nodes."""
    program = shutil.which("haproxy")
    assert program is not None
    ports = [free_port() for _ in nodes]
    configuration, log = directory / "haproxy.cfg", directory / "haproxy.log"
    served = zip(nodes, ports, certificates, strict=True)
    configuration.write_text(
        DEFAULTS
        + "".join(
            f"listen {node.port}\n  bind {HOST}:{port} ssl crt {certificate}\n"
            f"  server valkey {node.address}\n"
            for node, port, certificate in served
        )
    )
    process = spawn([program, "-db", "-f", str(configuration)], directory, log)
    try:
        yield ports
    finally:
        process.terminate()
        process.wait(60)


def announce(cluster: ValkeyCluster, ports: Sequence[int]) -> None:
    """Let the nodes of a cluster name these ports to clients; wait until all of them do."""
    for node, port in zip(cluster.nodes, ports, strict=True):
        node.run("CONFIG SET", "cluster-announce-port", port)
    for node in cluster.nodes:
        wait_until(partial(named_ports, node), set(ports).__eq__)


def named_ports(node: Node) -> set[int]:
    """Return the ports of the primaries that a node names."""
    return {int(primary[1]) for _, _, primary, *_ in node.run("CLUSTER SLOTS")}
