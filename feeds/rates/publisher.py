"""Publishes what a rate source yields, as long as nobody else does."""

from collections.abc import Awaitable, Callable

import structlog

from domain.errors import Unavailable
from domain.market.ports import RateSource
from domain.market.rates import RateSnapshot
from feeds.rates.metrics import leads

log = structlog.get_logger()


async def publish_rates(
    source: RateSource, publish: Callable[[RateSnapshot], Awaitable[bool]]
) -> None:
    """Publish every snapshot of `source`, for ever; one that can't be told is dropped.

    `publish` returns whether this process leads: one that doesn't goes on as a standby.
    """
    reachable, leading = True, None
    async for snapshot in source.snapshots():
        try:
            led = await publish(snapshot)
        except Unavailable as error:
            if reachable:
                log.warning("rates can't be published", why=str(error))
            reachable = False
            continue
        if not reachable:
            log.info("rates are published again")
        if led is not leading:
            log.info("publishing rates" if led else "standing by: another process publishes rates")
        reachable, leading = True, led
        leads.set(led)
