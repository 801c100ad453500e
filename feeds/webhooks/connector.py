"""Connections to permitted addresses only: the address that was checked is the one connected to."""

import socket
import ssl
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from domain.webhooks.address_policy import MayConnect

IDLE_CONNECTION_SECONDS: Final = 4.0
"""Shorter than endpoints keep a connection (5 s is common): a POST on a closed one is lost."""
DNS_CACHE_SECONDS: Final = 5
"""How long a checked address is used for further connections without another DNS lookup."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class ForbiddenAddress(OSError):
    """Events must not be sent to the endpoint's address."""


class CheckedResolver(AbstractResolver):
    """Resolves a name to those of its addresses that are permitted."""

    def __init__(self, inner: AbstractResolver, may_connect: MayConnect) -> None:
        self._inner = inner
        self._may_connect = may_connect

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; raise ForbiddenAddress where none of its addresses is permitted."""
        results = await self._inner.resolve(host, port, family)
        permitted = [result for result in results if _permitted(result["host"], self._may_connect)]
        if results and not permitted:
            raise ForbiddenAddress(host)
        return permitted

    async def close(self) -> None:
        """Close the connections to name servers."""
        await self._inner.close()


def checked_connector(
    *,
    may_connect: MayConnect,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.TCPConnector:
    """Return a connector that creates no socket for an address that is not permitted.

    Names are resolved by c-ares: with a thread per lookup, one partner's unavailable name servers
    would delay all others. The resolved address is checked, and the checked address is connected
    to; no name is looked up a second time. Literal addresses bypass the resolver, and are checked
    when the socket is created. The number of connections is limited by the delivery worker.
    """

    def checked_socket(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not _permitted(address[0], may_connect):
            raise ForbiddenAddress(address[0])
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=IDLE_CONNECTION_SECONDS,
        resolver=CheckedResolver(resolver or aiohttp.AsyncResolver(), may_connect),
        ttl_dns_cache=DNS_CACHE_SECONDS,
        socket_factory=checked_socket,
        ssl=tls or True,
    )


def is_forbidden(failure: BaseException) -> bool:
    """Return whether an attempt failed because of the endpoint's address."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ForbiddenAddress):
            return True
        inner = getattr(cause, "os_error", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
    return False


def _permitted(text: str, may_connect: MayConnect) -> bool:
    try:
        return may_connect(ip_address(text))
    except ValueError:
        return False
