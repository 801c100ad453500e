"""Keeps the pool of pay-in addresses filled, by watch-only derivation."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.chains.pay_in import IMPORTED, PayInAddress
from domain.chains.ports import AddressPool
from feeds.settlement.addresses.derivation import derive

LOW_WATER: Final = 200
"""A network with fewer free addresses gets more."""
CHUNK: Final = 50
"""How many are added to a network at a time, so that every network has some soon."""

log = structlog.get_logger()


class PoolAlarms:
    """Tells once that an imported pool runs low, and again after it was filled."""

    def __init__(self) -> None:
        self._low: set[str] = set()

    def tell(self, network: str, left: int) -> None:
        """Take note of how many addresses are left."""
        if left >= LOW_WATER:
            self._low.discard(network)
        elif network not in self._low:
            self._low.add(network)
            log.error("imported pay-in addresses run low", network=network, left=left)


async def refill_addresses(
    pool: AddressPool,
    *,
    to_thread: Callable[..., Awaitable[list[PayInAddress]]],
    alarms: PoolAlarms | None = None,
    chunk: int = CHUNK,
) -> int:
    """Add a chunk to every network below its low-water mark; return how many addresses came in.

    An imported pool can't be refilled here: that it runs low is told, once. Derivation is pure
    computing, some milliseconds a chunk: it runs in `to_thread`.
    """
    free = await pool.count_free(at_most=LOW_WATER)
    added = 0
    for stored in await pool.accounts():
        network = stored.account.network
        left = free.get(network, 0)
        if stored.account.kind == IMPORTED and alarms is not None:
            alarms.tell(network, left)
        if left >= LOW_WATER or stored.account.kind == IMPORTED:
            continue
        made = await to_thread(derive, stored.account, start=stored.next_index, count=chunk)
        if len(made) < chunk:
            log.error("pay-in addresses run out", network=network, left=len(made))
        if made:
            added += await pool.add(stored, made, indices=len(made))
    return added
