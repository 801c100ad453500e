"""Publishes a rate source's snapshots while this process is the leader."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.market.ports import RateSource
from domain.market.rates import RateSnapshot
from feeds.loop import Backoff, run_forever
from feeds.rates.metrics import leads

INTERVAL_SECONDS: Final = 1.0
BACKOFF: Final = Backoff(min_seconds=0.1, max_seconds=INTERVAL_SECONDS)

log = structlog.get_logger()


async def publish_rates(
    source: RateSource, publish: Callable[[RateSnapshot], Awaitable[bool]]
) -> None:
    """Publish a snapshot of `source` every second until cancelled.

    `publish` returns whether this process is the leader; another process stands by and tries again
    with each snapshot. A snapshot that cannot be published is dropped: the next one is fresher.
    """
    was_leader: bool | None = None

    async def step() -> float:
        nonlocal was_leader
        is_leader = await publish(await source.snapshot())
        if is_leader is not was_leader:
            log.info(
                "publishing rates" if is_leader else "standing by: another process publishes rates"
            )
        was_leader = is_leader
        leads.set(is_leader)
        return INTERVAL_SECONDS

    await run_forever(step, name="rate publisher", backoff=BACKOFF)
