"""Bounds how many large responses wait for their clients, which hold memory until they read."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from gateway.http.connections.limits import NEARLY_FULL, Peer

MAX_SENDING: Final = 512
"""Of a worker, at up to 100 KB each: pieces, what the server buffers, the request."""
MAX_PER_ADDRESS: Final = 16
"""Beyond, when all of them wait, the address gets no others.

When the worker has too many, it gets no others beyond an equal share of MAX_SENDING, or beyond one
if there are more addresses than that.
"""
WAITING_SECONDS: Final = 1.0
"""Without a piece accepted, which takes a slow client some hundred milliseconds."""
OVERDUE_SECONDS: Final = 2.0
"""When half of all places are taken, a client must accept a piece within this time."""

RejectOthers = Callable[[str, Collection[Peer], float], None]
"""Rejects the requests of an address except on these connections, from this time on."""


class _Sending:
    __slots__ = ("address", "at")

    def __init__(self, address: str | None, at: float) -> None:
        self.address = address
        self.at = at


class LargeResponses:
    """The responses of a worker that are sent in pieces, by their client."""

    def __init__(
        self,
        address_of: Callable[[str], str | None],
        reject_others: RejectOthers,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`address_of` returns what a client counts for, None if it does not count."""
        self._address_of = address_of
        self._reject_others = reject_others
        self._monotonic = monotonic
        self.sending: dict[Peer, _Sending] = {}
        self._addresses: defaultdict[str, dict[Peer, _Sending]] = defaultdict(dict)

    def record_piece(self, peer: Peer) -> None:
        """Record that the server took a piece: the first one, or because the client accepted one.

        The first one may make the address exceed what it may have.
        """
        one = self.sending.get(peer)
        if one is None:
            self._begin(peer)
        else:
            one.at = self._monotonic()

    def end(self, peer: Peer) -> None:
        """Record that a response is complete, or that its connection is closed."""
        one = self.sending.pop(peer, None)
        if one is not None and one.address is not None:
            of_address = self._addresses[one.address]
            del of_address[peer]
            if not of_address:
                del self._addresses[one.address]

    def overdue(self) -> Iterator[Peer]:
        """Return the clients to disconnect: those too many, and those that wait too long then.

        Those whose client accepted a piece least recently are the first.
        """
        if len(self.sending) <= NEARLY_FULL * MAX_SENDING:
            return
        accepted_before = self._monotonic() - OVERDUE_SECONDS
        excess = len(self.sending) - MAX_SENDING
        waiting = sorted(self.sending.items(), key=lambda item: item[1].at)
        for position, (peer, one) in enumerate(waiting):
            if position >= excess and one.at > accepted_before:
                return
            yield peer

    def _begin(self, peer: Peer) -> None:
        now = self._monotonic()
        address = self._address_of(peer[0])
        one = self.sending[peer] = _Sending(address, now)
        if address is None:
            return
        of_address = self._addresses[address]
        of_address[peer] = one
        if self._has_too_many(of_address, now):
            self._reject_others(address, of_address, now)

    def _has_too_many(self, of_address: Mapping[Peer, _Sending], now: float) -> bool:
        if len(self.sending) > MAX_SENDING:
            share = max(1, MAX_SENDING // len(self._addresses))
            return len(of_address) > min(share, MAX_PER_ADDRESS)
        if len(of_address) <= MAX_PER_ADDRESS:
            return False
        waiting = sum(now - other.at > WAITING_SECONDS for other in of_address.values())
        return waiting > MAX_PER_ADDRESS
