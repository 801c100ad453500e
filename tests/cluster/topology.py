"""Three gateways behind HAProxy, a Valkey cluster, replicated PostgreSQL, two of each worker."""

import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from tests.cluster.installation import Installation
from tests.cluster.worker import Worker
from tests.conftest import FOR_TESTS, free_port
from tests.support.servers.nodes.balancer import Balancer
from tests.support.servers.nodes.gateways import DRAINING_SECONDS, Gateway
from tests.support.servers.own.replicated import ReplicatedPostgres, replicated_postgres
from tests.support.servers.valkey.cluster import OWNER_ALONE, ValkeyCluster
from tests.support.waiting import wait_until

GATEWAYS: Final = 3
WORKERS: Final = {"settlement": ("--auto-settle",), "rates": (), "webhooks": ()}
"""Two of each, with the options of its command."""
START_SECONDS: Final = 120


class Cluster:
    """The running installation. Leaving the context ends everything that it has started."""

    valkey: ValkeyCluster
    postgres: ReplicatedPostgres
    installation: Installation
    gateways: list[Gateway]
    workers: dict[str, list[Worker]]
    balancer: Balancer

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory
        self._port = port or free_port()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self._port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """What clients verify HAProxy with."""
        return ssl.create_default_context(cafile=self.balancer.authority)

    def wait_until_ready(self) -> None:
        """Wait until everything runs, and every primary has its replica."""
        self.valkey.wait_until_complete()
        wait_until(self.valkey.is_replicated, seconds=START_SECONDS)
        wait_until(self.postgres.is_synchronous, seconds=START_SECONDS)
        nodes: list[Gateway | Worker] = [*self.gateways]
        for node in (*nodes, *(one for two in self.workers.values() for one in two)):
            wait_until(node.is_ready, seconds=START_SECONDS, context=node.log.read_text)
        self.balancer.wait_until_ready()

    def wait_until_healthy(self) -> None:
        """Wait until `swapgate doctor` is satisfied, too."""
        self.wait_until_ready()
        wait_until(self.installation.doctor, {}.__eq__, seconds=START_SECONDS)

    def _start(self, stack: ExitStack) -> None:
        self.valkey = stack.enter_context(
            ValkeyCluster(self.directory / "valkey", users=OWNER_ALONE)
        )
        self.postgres = stack.enter_context(replicated_postgres(self.directory / "postgres"))
        settings = self.directory / "settings"
        self.installation = Installation(settings, self.postgres, self.valkey, self.base_url)
        self.installation.set_up(settings_of_gateways())
        self.workers = {
            name: [self._worker(stack, name, number, *options) for number in range(2)]
            for name, options in WORKERS.items()
        }
        self.gateways = [self._gateway(stack) for _ in range(GATEWAYS)]
        for node in self.gateways:
            node.wait_until_ready()
        (self.directory / "haproxy").mkdir()
        self.balancer = Balancer(self.directory / "haproxy", self.gateways, port=self._port)
        stack.callback(self.balancer.kill)
        self.wait_until_healthy()

    def _worker(self, stack: ExitStack, name: str, number: int, *options: str) -> Worker:
        folder = "gateway" if name == "webhooks" else name
        environment = self.installation.environment(f"{folder}/{name}.env")
        log = self.directory / f"{name}-{number}.log"
        worker = Worker(name, options, self.installation.directory, environment, log)
        stack.callback(worker.kill)
        return worker

    def _gateway(self, stack: ExitStack) -> Gateway:
        environment = self.installation.environment("gateway/serve.env")
        gateway = Gateway(self.installation.directory, environment=environment)
        stack.callback(gateway.close)
        return gateway


def settings_of_gateways() -> Mapping[str, str]:
    """Return what the operator sets beside the URLs: all callers have one address here."""
    return {
        **{name: value for name, value in FOR_TESTS.items() if name.startswith("SWAPGATE_")},
        "SWAPGATE_TRUSTED_PROXIES": "127.0.0.1/32",
        "SWAPGATE_DRAINING_SECONDS": str(DRAINING_SECONDS),
    }
