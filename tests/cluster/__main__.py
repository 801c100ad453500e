"""Runs the installation until Ctrl-C: `python -m tests.cluster`."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from gateway.instance import write_private
from tests.cluster.installation import DEMO, OPERATOR
from tests.cluster.topology import Cluster
from tests.conftest import memory_directory

DEFAULT_PORT: Final = 8443


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt_once)
    with suppress(KeyboardInterrupt):
        run(arguments.port)


def interrupt_once(*_: object) -> NoReturn:
    """Interrupt whatever is done, but not the end of what was started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("Stopping\n")
    raise KeyboardInterrupt


def run(port: int) -> NoReturn:
    """Start everything, print where it is, and wait."""
    with tempfile.TemporaryDirectory(prefix="sg-cluster-", dir=memory_directory()) as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        with Cluster(path, port=port) as cluster:
            demo = path / "demo.json"
            write_private(demo, msgspec.json.encode(cluster.installation.partner(DEMO)))
            for line in locations(cluster, demo):
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            while True:
                signal.pause()


def locations(cluster: Cluster, demo: Path) -> Iterator[str]:
    """Yield where everything is, and how to reach it."""
    yield "Swapgate is ready, and `swapgate doctor` finds nothing. Ctrl-C stops it."
    balancer, valkey, postgres = cluster.balancer, cluster.valkey, cluster.postgres
    rows = {
        "HAProxy": f"{cluster.base_url}, authority {balancer.authority}",
        "gateways": ", ".join(one.base_url for one in cluster.gateways),
        "Valkey": ", ".join(f"{one.address} {one.role()}" for one in valkey.nodes),
        "PostgreSQL": f"primary {address(postgres.primary.port)}, "
        f"synchronous standby {address(postgres.standby.port)}",
        **{
            f"{name} metrics": ", ".join(one.metrics for one in two)
            for name, two in cluster.workers.items()
        },
        "demo partner": str(demo),
        "settings": str(cluster.installation.directory),
        "logs": str(cluster.directory),
        "commands": f"(set -a; . {cluster.installation.directory / OPERATOR}; "
        "exec .venv/bin/swapgate doctor)",
    }
    for name, value in rows.items():
        yield f"  {name:<20} {value}"


def address(port: int) -> str:
    return f"127.0.0.1:{port}"


if __name__ == "__main__":
    main()
