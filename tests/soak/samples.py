"""What an installation uses: memory, files, connections, keys in Valkey, and space of tables."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar

import msgspec
import psycopg
import valkey

from bench.processes import family, resident_megabytes
from tests.cluster.installation import superuser_url
from tests.cluster.topology import Cluster

if TYPE_CHECKING:
    from tests.support.servers.nodes.program import Program

T = TypeVar("T")

INTERVAL_SECONDS: Final = 5.0
CONNECTIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender')"
)
SPACE: Final = """
    SELECT (SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables)
        / greatest(1, (SELECT count(*) FROM orders))
"""


class Sample(msgspec.Struct, frozen=True):
    """Values by their name, at a time of the monotonic clock."""

    at: float
    values: Mapping[str, float]


class Sampler:
    """Takes samples until it is stopped. One is omitted while a server is not available."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            with suppress(OSError, IndexError, psycopg.Error, valkey.ValkeyError):
                self.samples.append(Sample(time.monotonic(), values_of(self._cluster)))


def values_of(cluster: Cluster) -> dict[str, float]:
    """Return what the installation uses now. Raises OSError and errors of its servers."""
    kinds: dict[str, list[Program]] = {"serve": [*cluster.gateways]}
    kinds |= {name: [*two] for name, two in cluster.workers.items()}
    values = {}
    for name, programs in kinds.items():
        pids = [pid for one in programs for pid in family(one.process.pid)]
        values[f"memory of {name}, MB"] = total(resident_megabytes, pids)
        values[f"files of {name}"] = total(open_files, pids)
    with psycopg.connect(superuser_url(cluster.postgres)) as connection:
        values["connections of PostgreSQL"] = number(connection, CONNECTIONS)
        values["bytes per order"] = number(connection, SPACE)
    primaries = cluster.valkey.primaries()
    values["connections of Valkey"] = total(
        lambda node: node.run("INFO", "clients")["connected_clients"], primaries
    )
    values["keys in Valkey"] = total(lambda node: node.run("DBSIZE"), primaries)
    return values


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def total(measure: Callable[[T], float], of: Iterable[T]) -> float:
    """Return the sum of a measure."""
    return float(sum(measure(one) for one in of))


def number(connection: "psycopg.Connection[tuple[float]]", query: str) -> float:
    """Return the number that a query returns."""
    (found,) = connection.execute(query).fetchall()[0]
    return float(found)
