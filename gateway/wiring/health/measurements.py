"""What a process has measured, published as metrics: its database pools, Valkey and the rates."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from domain.measurements import Durations
from feeds.loop import wait_for
from gateway.runtime.histograms import DATABASE_WAIT, VALKEY, Source
from gateway.runtime.metrics import count_admissions, report_rates_age
from gateway.wiring.connections import Connections

PUBLISH_SECONDS: Final = 1.0


class Pool(Protocol):
    """What measures waits for its connections."""

    @property
    def waits(self) -> Durations:
        """How long statements waited."""


def pool_publisher(pools: Mapping[str, Pool]) -> Callable[[], None]:
    """Return what publishes the waits of pools, by their names."""
    sources = [Source(DATABASE_WAIT, [name], pool.waits) for name, pool in pools.items()]

    def publish() -> None:
        for source in sources:
            source.publish()

    return publish


def pools_of(connections: Connections) -> dict[str, Pool]:
    """Return the pools that every process has, by the names in metrics."""
    return {
        "main": connections.database,
        "watching": connections.watching,
        "commits": connections.commits,
    }


def valkey_publisher(durations: Mapping[str, Durations]) -> Callable[[], None]:
    """Return what publishes the durations of Valkey's calls, by operation."""
    sources = [Source(VALKEY, [operation], one) for operation, one in durations.items()]

    def publish() -> None:
        for source in sources:
            source.publish()

    return publish


def admission_publisher(take: Callable[[], Mapping[str, int]]) -> Callable[[], None]:
    """Return what counts the outcomes of admission since the last time, which `take` returns."""
    return lambda: count_admissions(take())


def rates_publisher(connections: Connections) -> Callable[[], None]:
    """Return what sets the age of a worker's rates."""
    market, clock = connections.market, connections.clock

    def publish() -> None:
        snapshot = market.newest_snapshot()
        age = float("inf") if snapshot is None else (clock.now().timestamp() - snapshot.at)
        report_rates_age(max(age, 0.0))

    return publish


async def keep_publishing_pools(
    pools: Mapping[str, Pool], *, stop: asyncio.Event | None = None
) -> None:
    """Publish the waits of a process's pools at intervals, until `stop` is set."""
    publish, stop = pool_publisher(pools), stop or asyncio.Event()
    while not stop.is_set():
        await wait_for(stop, PUBLISH_SECONDS)
        publish()
