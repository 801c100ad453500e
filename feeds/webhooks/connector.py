"""Connections that only go to checked addresses: what was checked is what is connected to."""

import socket
import ssl
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from domain.webhooks.address_policy import MayConnect

IDLE_CONNECTION_SECONDS: Final = 4.0
"""Shorter than receivers keep a connection (5 s is common), as a POST to a closed one is lost."""
RESOLVED_FOR_SECONDS: Final = 5
"""How long a checked address is used for further connections without asking DNS again."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class ForbiddenAddress(OSError):
    """The receiver's address isn't one that events may be sent to."""


class CheckedResolver(AbstractResolver):
    """Passes on those of a name's addresses that may be connected to."""

    def __init__(self, inner: AbstractResolver, may_connect: MayConnect) -> None:
        self._inner = inner
        self._may_connect = may_connect

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; raise ForbiddenAddress where none of its addresses will do."""
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if _allowed(one["host"], self._may_connect)]
        if found and not allowed:
            raise ForbiddenAddress(host)
        return allowed

    async def close(self) -> None:
        """Let go of the name servers."""
        await self._inner.close()


def checked_connector(
    *,
    may_connect: MayConnect,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.TCPConnector:
    """Return a connector that makes no socket for an address that may not be connected to.

    Names are resolved by c-ares, since a thread for each would leave others waiting while one
    partner's name servers are dead. What has been resolved is checked, and what is checked is
    connected to: no name is looked up a second time. Written-out addresses never meet a resolver;
    they, too, pass the check at the socket. How many connections there are is the delivery
    worker's bound.
    """

    def checked_socket(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not _allowed(address[0], may_connect):
            raise ForbiddenAddress(address[0])
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=IDLE_CONNECTION_SECONDS,
        resolver=CheckedResolver(resolver or aiohttp.AsyncResolver(), may_connect),
        ttl_dns_cache=RESOLVED_FOR_SECONDS,
        socket_factory=checked_socket,
        ssl=tls or True,
    )


def is_forbidden(failure: BaseException) -> bool:
    """Tell whether a failed attempt failed for its receiver's address."""
    seen: BaseException | None = failure
    while seen is not None:
        if isinstance(seen, ForbiddenAddress):
            return True
        inner = getattr(seen, "os_error", None)
        seen = inner if isinstance(inner, BaseException) else seen.__cause__
    return False


def _allowed(text: str, may_connect: MayConnect) -> bool:
    try:
        return may_connect(ip_address(text))
    except ValueError:
        return False
