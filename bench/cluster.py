"""`python -m bench.cluster`: the worker's CPU time of a signed quote with a Valkey cluster.

Two workers of one service differ in their Valkey only: one server, and three primaries with a
replica each, which acknowledges every admission. All are reached over TCP on loopback. Calls
alternate between the workers; the ratio is the median of the ratios of the rounds.
"""

import argparse
import asyncio
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.limits.closed_loop import Measured, check_wrk, measure
from bench.limits.servers import Servers
from bench.machine import commit, machine
from bench.processes import Server, free_port, pin, python, running
from persistence.valkey.admission.nonces import declare_complete
from persistence.valkey.connection.client import connect
from tests.support.servers.valkey.cluster import Node, ValkeyCluster

SINGLE: Final = "one server"
CLUSTER: Final = "cluster"
WARM_UP_SECONDS: Final = 3
SERVER: Final = 0
LOAD: Final = 1

Urls = dict[str, str]
"""The URL of Valkey by the user of a process."""


def main() -> None:
    """Load one worker and the other in turn, and print their CPU times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    check_wrk()
    measured: dict[str, list[Measured]] = {SINGLE: [], CLUSTER: []}
    with Servers() as servers, ExitStack() as stack:
        urls = stack.enter_context(_valkey_servers())
        workers = {
            name: stack.enter_context(_worker(servers, name, urls[name])) for name in measured
        }
        for worker in workers.values():
            _load(servers, worker, options.connections, WARM_UP_SECONDS)
        for _ in range(options.rounds):
            for name, worker in workers.items():
                load = _load(servers, worker, options.connections, options.seconds)
                measured[name].append(load)
    print(f"{machine()}, commit {commit()}: signed /v1/price, medians of {options.rounds}\n")
    cpu = {name: [one.cpu_us for one in loads] for name, loads in measured.items()}
    for name, times in cpu.items():
        rate = statistics.median(one.rps for one in measured[name])
        print(
            f"{name}: {statistics.median(times):.1f} us of a worker's CPU per call"
            f" ({min(times):.1f} to {max(times):.1f}), {rate:,.0f} calls per second"
        )
    ratios = [single / cluster for single, cluster in zip(cpu[SINGLE], cpu[CLUSTER], strict=True)]
    print(
        f"calls per CPU time, cluster over one server: {statistics.median(ratios):.3f}"
        f" ({min(ratios):.3f} to {max(ratios):.3f})"
    )


def _load(servers: Servers, worker: Server, connections: int, seconds: float) -> Measured:
    pin(servers.others(), LOAD)
    worker.pin(SERVER)
    load = measure(worker, servers.quote, seconds=seconds, connections=connections, cores=(LOAD,))
    if load.failures:
        raise RuntimeError(f"{load.failures} calls failed")
    return load


@contextmanager
def _valkey_servers() -> Iterator[dict[str, Urls]]:
    with TemporaryDirectory(prefix="swapgate-bench-") as directory:
        single = Node(Path(directory) / "single")
        try:
            single.start()
            with ValkeyCluster(Path(directory) / "cluster") as cluster:
                users = ("gateway", "rates")
                yield {
                    SINGLE: {user: single.url(user) for user in users},
                    CLUSTER: {user: cluster.url(user) for user in users},
                }
        finally:
            single.close()


@contextmanager
def _worker(servers: Servers, name: str, urls: Urls) -> Iterator[Server]:
    """Run `rates` and a worker of `serve` on other Valkey servers than those of the service."""
    asyncio.run(_permit_calls(urls["gateway"]))
    port = free_port()
    rates = python("-m", "gateway", "rates", "--metrics-port", str(port))
    rates += ["--data-dir", str(servers.data_dir)]
    with running(rates, port, environment={"SWAPGATE_VALKEY_URL": urls["rates"]}):
        yield servers.ours(name, environment={"SWAPGATE_VALKEY_URL": urls["gateway"]})


async def _permit_calls(url: str) -> None:
    """Declare that no nonce is missing: new servers would reject calls for five minutes."""
    client = connect(url)
    await declare_complete(client)
    await client.aclose()


if __name__ == "__main__":
    main()
