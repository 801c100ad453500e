"""The client of Valkey, with limits on connections and time."""

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

from valkey.asyncio import Valkey
from valkey.asyncio.cluster import ClusterNode, ClusterPipeline, ValkeyCluster
from valkey.asyncio.connection import SSLConnection
from valkey.asyncio.sentinel import Sentinel, SentinelConnectionPool
from valkey.exceptions import ConnectionError as NoConnection
from valkey.exceptions import MaxConnectionsError, ValkeyClusterException, ValkeyError

from domain.errors import Unavailable
from domain.measurements import Durations
from persistence.valkey.connection.cluster import ClusterPrimaries
from persistence.valkey.connection.primaries import (
    LIMITS,
    Primaries,
    SentinelPrimary,
    ServerPrimary,
    server_client,
)
from persistence.valkey.connection.url import Kind, Servers, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

COMMAND_DURATIONS: Final = Durations()
"""Of the commands of this process for which `reply` waited."""


@asynccontextmanager
async def _translated(client: ValkeyCluster) -> "AsyncIterator[None]":
    """Raise ValkeyError for what the package raises while servers of a cluster are lost.

    After an error it closes all connections, also those that other tasks are about to write to.
    A connection that could not be opened counts as used until the servers are found again, which
    only other errors make it do.
    """
    try:
        yield
    except (ValkeyClusterException, AttributeError) as error:
        raise NoConnection(str(error)) from error
    except MaxConnectionsError as error:
        await client._reset_for_reinitialize()  # noqa: SLF001  it does the same after other errors
        raise NoConnection("no more connections to a server of the cluster") from error


class _Pipeline(ClusterPipeline):
    async def execute(self, *args: Any, **options: Any) -> list[Any]:
        async with _translated(self._client):
            return await super().execute(*args, **options)


class ClusterClient(ValkeyCluster):
    """A client that asks the servers of its URL again after all servers were unavailable."""

    def __init__(self, servers: Servers, *, connections: int) -> None:
        options = dict(servers.options)
        is_tls = options.pop("connection_class", None) is SSLConnection
        super().__init__(
            startup_nodes=[ClusterNode(*node) for node in servers.nodes],
            max_connections=connections,
            connection_error_retry_attempts=0,
            ssl=is_tls,
            **(LIMITS | options),
        )
        self._nodes = servers.nodes
        self.primaries = ClusterPrimaries(servers)

    async def initialize(self) -> "ValkeyCluster":
        """See ValkeyCluster, which forgets servers that were unavailable.

        Raises ValkeyError, as all other clients do, where no server has the whole cluster.
        """
        known = self.nodes_manager.startup_nodes
        for host, port in self._nodes:
            node = ClusterNode(host, port, **self.connection_kwargs)
            known.setdefault(node.name, node)
        async with _translated(self):
            return await super().initialize()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """See ValkeyCluster."""
        async with _translated(self):
            return await super().execute_command(*args, **options)

    def pipeline(self, *args: Any, **options: Any) -> ClusterPipeline:
        """See ValkeyCluster."""
        super().pipeline(*args, **options)  # it rejects what a cluster does not have
        return _Pipeline(self)  # type: ignore[abstract]

    async def publish(self, channel: str, message: bytes) -> None:
        """Publish a message: every server of a cluster passes it on to all others."""
        await self.execute_command("PUBLISH", channel, message, target_nodes=self.DEFAULT_NODE)

    async def aclose(self) -> None:
        """See ValkeyCluster."""
        await asyncio.gather(super().aclose(), self.primaries.close())


class SentinelClient(Valkey):
    """A client of the primary that Sentinel names."""

    def __init__(self, servers: Servers, *, connections: int) -> None:
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            servers.nodes, sentinel_kwargs=LIMITS | servers.sentinel_options
        )
        options = LIMITS | servers.options
        is_tls = options.pop("connection_class", None) is SSLConnection
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            servers.service, sentinel, max_connections=connections, ssl=is_tls, **options
        )
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self._sentinels = sentinel.sentinels
        self.primaries = SentinelPrimary(servers)

    async def aclose(self, *_: object) -> None:
        """See Valkey."""
        closing = (sentinel.aclose() for sentinel in self._sentinels)
        await asyncio.gather(super().aclose(), self.primaries.close(), *closing)


def connect(url: str, *, connections: int = 16) -> Valkey:
    """Return a client for `url` (see `url.FORMS`); it connects lazily. Raises ValueError.

    That of a cluster is a ClusterClient: no subclass of Valkey, but with all methods that are used.
    """
    servers = parse(url)
    match servers.kind:
        case Kind.CLUSTER:
            return cast("Valkey", ClusterClient(servers, connections=connections))
        case Kind.SENTINEL:
            return SentinelClient(servers, connections=connections)
        case Kind.SERVER:
            return server_client(servers.options, connections=connections)


def primaries_of(client: Valkey) -> Primaries:
    """Return the servers that a client writes to."""
    return getattr(client, "primaries", None) or ServerPrimary(client)


async def check_primaries(client: Valkey) -> None:
    """Raise Unavailable unless every server that a client writes to answers."""
    primaries = primaries_of(client)
    await primaries.refresh()
    await asyncio.gather(*(reply(primary.client.ping()) for primary in primaries.known))


async def reply(pending: Any) -> Any:
    """Await a command's reply; raise Unavailable if Valkey fails or cannot be reached.

    The client's annotations do not say that its methods return awaitables.
    """
    started = perf_counter()
    try:
        return await cast("Awaitable[Any]", pending)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    finally:
        COMMAND_DURATIONS.record(perf_counter() - started)
