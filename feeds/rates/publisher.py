"""Publishes what a rate source yields."""

from collections.abc import Awaitable, Callable

import structlog

from domain.errors import Unavailable
from domain.ports import RateSource
from domain.rates import RateSnapshot

log = structlog.get_logger()


async def publish_rates(
    source: RateSource, publish: Callable[[RateSnapshot], Awaitable[None]]
) -> None:
    """Publish every snapshot of `source`, for ever; one that can't be told is dropped."""
    reachable = True
    async for snapshot in source.snapshots():
        try:
            await publish(snapshot)
        except Unavailable as error:
            if reachable:
                log.warning("rates can't be published", why=str(error))
            reachable = False
            continue
        if not reachable:
            log.info("rates are published again")
        reachable = True
