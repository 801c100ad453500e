"""The servers that accept writes, each with a client for it alone."""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any, Final, Protocol

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.connection.url import Servers

SOCKET_TIMEOUT_SECONDS: Final = 2.0
POOL_TIMEOUT_SECONDS: Final = 1
ASK_SECONDS: Final = 1.0
"""How long to wait for a server's or a Sentinel's answer on who the primaries are."""
CONNECTIONS: Final = 4
"""To each server: of the scripts that are called often, and for checks."""
LIMITS: Final[dict[str, Any]] = {
    "socket_timeout": SOCKET_TIMEOUT_SECONDS,
    "socket_connect_timeout": SOCKET_TIMEOUT_SECONDS,
}

Address = tuple[str, int]


class Primary:
    """A server that accepts writes. `address` identifies it; `slots` are those of a cluster."""

    __slots__ = ("address", "client", "slots")

    def __init__(self, address: str, client: Valkey, slots: Collection[int] = ()) -> None:
        self.address = address
        self.client = client
        self.slots = slots


class Primaries(Protocol):
    """The primaries as of the last `refresh`."""

    has_slots: bool
    """Whether the keys are divided among the primaries by their slots."""
    may_fail_over: bool
    """Whether a replica may become a primary by itself."""

    @property
    def known(self) -> Collection[Primary]:
        """The primaries."""

    def of_slot(self, slot: int) -> Primary | None:
        """Return the primary of a slot, if it is known."""

    async def refresh(self) -> None:
        """Find out which servers are primaries; raise Unavailable."""

    async def close(self) -> None:
        """Close the connections."""


class ServerPrimary:
    """The one server of a URL."""

    has_slots = False
    may_fail_over = False

    def __init__(self, client: Valkey) -> None:
        self._primary = Primary("", client)

    @property
    def known(self) -> Collection[Primary]:
        """See Primaries."""
        return (self._primary,)

    def of_slot(self, _: int) -> Primary:
        """See Primaries."""
        return self._primary

    async def refresh(self) -> None:
        """See Primaries."""

    async def close(self) -> None:
        """Do nothing: the connections are those of the client."""


class SentinelPrimary:
    """The primary that most of the Sentinels name."""

    has_slots = False
    may_fail_over = True

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._sentinels = [
            server_client({**servers.sentinel_options, "host": host, "port": port}, connections=1)
            for host, port in servers.nodes
        ]
        self._primary: Primary | None = None

    @property
    def known(self) -> Collection[Primary]:
        """See Primaries."""
        return (self._primary,) if self._primary else ()

    def of_slot(self, _: int) -> Primary | None:
        """See Primaries."""
        return self._primary

    async def refresh(self) -> None:
        """See Primaries. A minority may not have noticed that another server is the primary."""
        named = Counter(await asyncio.gather(*(self._ask(one) for one in self._sentinels)))
        address, votes = named.most_common(1)[0]
        if address is None or 2 * votes <= len(self._sentinels):
            raise Unavailable(f"no majority of the Sentinels names a primary: {dict(named)}")
        name = name_of(address)
        if self._primary is None or self._primary.address != name:
            before = self._primary
            self._primary = Primary(name, client_of(address, self._servers.options))
            if before is not None:
                await before.client.aclose()

    async def close(self) -> None:
        """See Primaries."""
        clients = [*self._sentinels, *(primary.client for primary in self.known)]
        await asyncio.gather(*(client.aclose() for client in clients))

    async def _ask(self, sentinel: Valkey) -> Address | None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                named = await ask(
                    sentinel, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._servers.service)
                )
        except (ValkeyError, OSError, TimeoutError):
            return None
        if not named[0]:
            return None
        host, port = named[0]
        return (host.decode(), int(port))


def name_of(address: Address) -> str:
    """Return an address as text."""
    return f"{address[0]}:{address[1]}"


def client_of(address: Address, options: dict[str, Any]) -> Valkey:
    """Return a client for one of several servers with the same credentials."""
    host, port = address
    return server_client({**options, "host": host, "port": port}, connections=CONNECTIONS)


async def ask(client: Valkey, *commands: tuple[Any, ...]) -> list[Any]:
    """Run commands one after the other on one connection. Raises ValkeyError, OSError."""
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = await pipeline.execute()
    return replies


def server_client(options: dict[str, Any], *, connections: int) -> Valkey:
    """Return a client for the server that `options` name."""
    pool = BlockingConnectionPool(
        max_connections=connections,
        timeout=POOL_TIMEOUT_SECONDS,
        **(LIMITS | {"health_check_interval": 0} | options),
    )
    return Valkey.from_pool(pool)
