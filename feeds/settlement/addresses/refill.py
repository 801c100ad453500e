"""Keeps the pool of pay-in addresses filled, by watch-only derivation."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.chains.pay_in import IMPORTED, PayInAddress
from domain.chains.ports import AddressPool
from feeds.settlement.addresses.derivation import derive

LOW_WATER: Final = 200
"""A network with fewer free addresses is refilled."""
CHUNK: Final = 50
"""How many addresses a network gets at a time, so that every network has some soon."""

log = structlog.get_logger()


class PoolAlarms:
    """Reports once that an imported pool is low, and again after it was filled in between."""

    def __init__(self) -> None:
        self._low: set[str] = set()

    def report(self, network: str, left: int) -> None:
        """Record how many free addresses are left."""
        if left >= LOW_WATER:
            self._low.discard(network)
        elif network not in self._low:
            self._low.add(network)
            log.error("imported pay-in addresses low", network=network, left=left)


async def refill_addresses(
    pool: AddressPool,
    *,
    to_thread: Callable[..., Awaitable[list[PayInAddress]]],
    alarms: PoolAlarms | None = None,
    chunk: int = CHUNK,
) -> int:
    """Add a chunk to every network below its low-water mark; return how many addresses were added.

    An imported pool cannot be refilled here: a low one is reported, once. Derivation is pure
    computation, some milliseconds per chunk: it runs in `to_thread`.
    """
    free = await pool.count_free(at_most=LOW_WATER)
    added = 0
    for stored in await pool.accounts():
        network = stored.account.network
        left = free.get(network, 0)
        if stored.account.kind == IMPORTED and alarms is not None:
            alarms.report(network, left)
        if left >= LOW_WATER or stored.account.kind == IMPORTED:
            continue
        derived = await to_thread(derive, stored.account, start=stored.next_index, count=chunk)
        if len(derived) < chunk:
            log.error("pay-in addresses exhausted", network=network, left=len(derived))
        if derived:
            added += await pool.add(stored, derived, indices=len(derived))
    return added
