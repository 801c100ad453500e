"""What the application and the limiter of a worker's connections tell each other about clients."""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.errors import TOO_MANY_CONNECTIONS, TOO_MANY_CONNECTIONS_SECONDS
from gateway.http.connections.closing import Send, closing
from gateway.http.connections.large import LargeResponses
from gateway.http.connections.limits import Peer
from gateway.http.head import RejectedRequest

_NO_ADDRESS: Final = "-"


class _Kept(NamedTuple):
    peers: frozenset[Peer]
    until: float


class ClientConnections:
    """The clients with requests in progress, and those that opened too many connections.

    An address that has exceeded its limit may use the connections it was left with. For five
    seconds, requests on others are rejected at once: whoever opens connections faster than the
    limiter looks at them would otherwise have each of them served.
    """

    def __init__(self, address_of: Callable[[str], str | None]) -> None:
        """`address_of` returns what a peer's connections count for, None if they do not count."""
        self.address_of = lru_cache(maxsize=1 << 14)(address_of)
        self.in_progress: set[Peer] = set()
        self.large = LargeResponses(self.address_of, self.reject_others)
        self.over_limit: dict[str, _Kept] = {}
        """Also not empty while connections are closed: the middleware reads one flag."""
        self._rejected = 0
        self._is_closing = False

    def close_all(self) -> None:
        """Have each connection closed with its next response, from now on."""
        self._is_closing = True
        self.over_limit[_NO_ADDRESS] = _Kept(frozenset(), math.inf)

    def checked(self, peer: Peer, send: Send) -> Send:
        """Return the `send` of a request; only needed if `over_limit` is not empty.

        Raises RejectedRequest as `rejects` tells.
        """
        if self.rejects(peer):
            raise RejectedRequest(TOO_MANY_CONNECTIONS)
        return closing(send) if self._is_closing else send

    def rejects(self, peer: Peer) -> bool:
        """Tell whether a request from a peer is rejected, and count it."""
        kept = self.over_limit.get(self.address_of(peer[0]) or "")
        if kept is None or peer in kept.peers:
            return False
        self._rejected += 1
        return True

    def reject_others(self, address: str, peers: Iterable[Peer], now: float) -> None:
        """Reject the requests of an address except on these connections.

        While it was left with fewer, those are all that remain.
        """
        kept, before = frozenset(peers), self.over_limit.get(address)
        if before is not None and before.until > now and len(before.peers) < len(kept):
            kept = before.peers
        self.over_limit[address] = _Kept(kept, now + TOO_MANY_CONNECTIONS_SECONDS)

    def forget(self, *, now: float) -> None:
        """Stop rejecting requests of addresses that did not exceed their limit again."""
        for address in [one for one, kept in self.over_limit.items() if kept.until <= now]:
            del self.over_limit[address]

    def take_rejected(self) -> int:
        """Return the number of requests rejected since the last call."""
        rejected, self._rejected = self._rejected, 0
        return rejected
