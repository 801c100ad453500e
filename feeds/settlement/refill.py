"""Keeps the pool of pay-in addresses filled, by watch-only derivation."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.pay_in import PayInAddress
from domain.ports import AddressPool
from feeds.settlement.derivation import derive

LOW_WATER: Final = 200
"""A network with fewer free addresses gets more."""
CHUNK: Final = 50
"""How many are added to a network at a time, so that every network has some soon."""

log = structlog.get_logger()


async def refill_addresses(
    pool: AddressPool,
    *,
    to_thread: Callable[..., Awaitable[list[PayInAddress]]],
    chunk: int = CHUNK,
) -> int:
    """Add a chunk to every network below its low-water mark; return how many addresses came in.

    Derivation is pure computing, some milliseconds a chunk: it runs in `to_thread`.
    """
    free = await pool.count_free(at_most=LOW_WATER)
    added = 0
    for stored in await pool.accounts():
        network = stored.account.network
        if free.get(network, 0) >= LOW_WATER:
            continue
        made = await to_thread(derive, stored.account, start=stored.next_index, count=chunk)
        if len(made) < chunk:
            log.error("pay-in addresses run out", network=network, left=len(made))
        if made:
            added += await pool.add(stored, made, indices=len(made))
    return added
