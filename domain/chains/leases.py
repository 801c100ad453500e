"""Leases of networks: of several settlement processes one leads each network, and alone sends."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from domain.errors import Unavailable


class LeaseLost(Unavailable):
    """Another process leads the network, or the lease has expired."""


class Lease(msgspec.Struct, frozen=True):
    """A lease of a network. Its fencing token is higher than that of every earlier lease.

    Whether it is still valid only the database knows, by its own clock.
    """

    network: str
    holder: str
    token: int


CurrentLease = Callable[[], Lease | None]
"""Returns the lease that a process works under; None if it has none."""


class LeaseRepository(Protocol):
    """The leases of all networks. All methods raise Unavailable."""

    async def take(self, network: str, *, holder: str) -> Lease | None:
        """Return a new lease of a network, or None while another one is valid."""

    async def renew(self, lease: Lease) -> bool:
        """Extend a lease; False if it has expired or was taken over."""

    async def release(self, lease: Lease) -> None:
        """End a lease, so that another process can take over at once."""

    async def is_valid(self, lease: Lease) -> bool:
        """Return whether a lease is the network's current one and has not expired."""
