"""How long the statements of a process have waited for connections, published as metrics."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from domain.measurements import Durations
from feeds.loop import wait_for
from gateway.runtime.histograms import DATABASE_WAIT, publisher
from gateway.wiring.connections import Connections

PUBLISH_SECONDS: Final = 1.0


class Pool(Protocol):
    """What measures waits for its connections."""

    @property
    def waits(self) -> Durations:
        """How long statements waited."""


def pool_publisher(pools: Mapping[str, Pool]) -> Callable[[], None]:
    """Return what publishes the waits of pools, by their names."""
    return publisher(DATABASE_WAIT, {name: pool.waits for name, pool in pools.items()})


def pools_of(connections: Connections) -> dict[str, Pool]:
    """Return the pools that every process has, by the names in metrics."""
    return {
        "main": connections.database,
        "watching": connections.watching,
        "commits": connections.commits,
    }


async def keep_publishing_pools(
    pools: Mapping[str, Pool], *, stop: asyncio.Event | None = None
) -> None:
    """Publish the waits of a process's pools at intervals, until `stop` is set."""
    publish, stop = pool_publisher(pools), stop or asyncio.Event()
    while not stop.is_set():
        await wait_for(stop, PUBLISH_SECONDS)
        publish()
