"""Whether this process leads a network: it alone signs and broadcasts there."""

from typing import Final

import structlog

from domain.chains.leases import Lease, LeaseLost, LeaseRepository
from feeds.settlement import metrics

RENEWAL_SECONDS: Final = 3.0
"""How often a lease is renewed, and how often a standby tries to take it."""

log: Final = structlog.get_logger()


class Leadership:
    """The lease of one network, as this process holds it.

    A round works under the lease that was held when it began: after a pause in which another
    process led, nothing that the round read before may be signed or broadcast.
    """

    def __init__(self, leases: LeaseRepository, *, network: str, holder: str) -> None:
        self._leases = leases
        self._network = network
        self._holder = holder
        self._held: Lease | None = None
        self._of_round: Lease | None = None

    async def keep(self) -> int:
        """Renew the lease, or take it if nobody holds it."""
        before = self._held
        if before is None or not await self._leases.renew(before):
            self._held = await self._leases.take(self._network, holder=self._holder)
        metrics.LEADER.labels(self._network).set(self._held is not None)
        if self._held != before:
            change = "network led by another process" if self._held is None else "network led"
            log.warning(change, network=self._network, holder=self._holder)
        return 0

    async def release(self) -> None:
        """Let another process take over at once."""
        held, self._held = self._held, None
        if held is not None:
            await self._leases.release(held)
            metrics.LEADER.labels(self._network).set(0)

    def begin_round(self) -> bool:
        """Bind the following work to the lease held now; False if there is none."""
        self._of_round = self._held
        return self._of_round is not None

    def lease_of_round(self) -> Lease | None:
        """Return the lease that the current round works under."""
        return self._of_round

    async def require(self) -> None:
        """Raise LeaseLost if the round's lease is no longer valid."""
        if self._of_round is None or not await self._leases.is_valid(self._of_round):
            raise LeaseLost(f"another process may lead {self._network}")
