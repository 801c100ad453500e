"""The primaries of a cluster, and which of its slots each of them has."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.connection.primaries import (
    ASK_SECONDS,
    Address,
    Primary,
    ask,
    client_of,
    name_of,
)
from persistence.valkey.connection.url import Servers

SLOTS: Final = 16_384


class _Range(msgspec.Struct, frozen=True):
    """The slots from `first` to `last`, and the servers that have them: the primary first."""

    first: int
    last: int
    servers: tuple[Address, ...]


class _View(msgspec.Struct, frozen=True):
    """What one server knows of its cluster."""

    is_available: bool
    epoch: int
    ranges: tuple[_Range, ...]

    @property
    def order(self) -> tuple[bool, int]:
        """Of two views the one with the greater order is newer."""
        return self.is_available, self.epoch


class ClusterPrimaries:
    """Asks all known servers, and believes the one that knows the newest configuration.

    A primary that was replaced may not have noticed: it would name itself.
    """

    has_slots = True
    may_fail_over = True

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._clients: dict[Address, Valkey] = {}
        self._primaries: dict[str, Primary] = {}
        self._slots: list[Primary | None] = [None] * SLOTS
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def known(self) -> Collection[Primary]:
        """See Primaries."""
        return self._primaries.values()

    def of_slot(self, slot: int) -> Primary | None:
        """See Primaries."""
        return self._slots[slot]

    async def refresh(self) -> None:
        """See Primaries. Concurrent calls share their work."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def close(self) -> None:
        """See Primaries."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))

    async def _refresh(self) -> None:
        for address in self._servers.nodes:
            self._client(address)
        answers = await asyncio.gather(*map(self._ask, list(self._clients)))
        views = [view for view in answers if view is not None]
        if not views:
            raise Unavailable("no server of the Valkey cluster is available")
        await self._adopt(max(views, key=lambda view: view.order))

    async def _ask(self, address: Address) -> _View | None:
        client = self._client(address)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                info, ranges = await ask(client, ("CLUSTER INFO",), ("CLUSTER SLOTS",))
        except (ValkeyError, OSError, TimeoutError):
            return None
        return _View(
            info["cluster_state"] == "ok",
            int(info["cluster_current_epoch"]),
            tuple(
                _Range(first, last, tuple(address_of(one, asked=address[0]) for one in servers))
                for first, last, *servers in ranges
            ),
        )

    async def _adopt(self, view: _View) -> None:
        slots_of: dict[Address, list[int]] = {}
        servers = set(self._servers.nodes)
        for one in view.ranges:
            slots_of.setdefault(one.servers[0], []).extend(range(one.first, one.last + 1))
            servers.update(one.servers)
        primaries = {
            name_of(address): Primary(name_of(address), self._client(address), sorted(slots))
            for address, slots in slots_of.items()
        }
        by_slot: list[Primary | None] = [None] * SLOTS
        for primary in primaries.values():
            for slot in primary.slots:
                by_slot[slot] = primary
        self._primaries, self._slots = primaries, by_slot
        gone = [self._clients.pop(address) for address in self._clients.keys() - servers]
        await asyncio.gather(*(client.aclose() for client in gone))

    def _client(self, address: Address) -> Valkey:
        if address not in self._clients:
            self._clients[address] = client_of(address, self._servers.options)
        return self._clients[address]


def address_of(server: Sequence[Any], *, asked: str) -> Address:
    """Return the address of a server in CLUSTER SLOTS; without a host it is on the one asked."""
    host = (server[0] or b"").decode()
    return (host if host not in {"", "?"} else asked, int(server[1]))
