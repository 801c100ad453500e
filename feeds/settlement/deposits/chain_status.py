"""The status of a chain: recorded, logged and measured whenever it changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from domain.chains.ports import ChainRepository
from feeds.settlement import metrics

REPORT_INTERVAL_SECONDS: Final = 5.0
"""How often an unchanged status is recorded."""

log = structlog.get_logger()


class ChainStatus:
    """The last status of a chain: its height, what is wrong with it, and whether nodes agree."""

    def __init__(
        self,
        network: str,
        chains: ChainRepository,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._network = network
        self._chains = chains
        self._monotonic = monotonic
        self._nodes_agree = False
        self._recorded: tuple[int | None, str | None, datetime | None] | None = None
        self._recorded_at = 0.0
        self._alarm: str | None = None

    async def report(
        self,
        height: int | None,
        alarm: str | None,
        *,
        nodes_agree: bool,
        followed_until: datetime | None,
    ) -> None:
        """Record the status, as ChainRepository; `alarm` states what is wrong."""
        self._nodes_agree = nodes_agree
        metrics.ALARM.labels(self._network).set(alarm is not None)
        metrics.HALTED.labels(self._network).set(0)
        if height is not None:
            metrics.HEIGHT.labels(self._network).set(height)
        if alarm != self._alarm:
            if alarm:
                log.error("chain on hold", network=self._network, reason=alarm)
            else:
                log.info("chain resumed", network=self._network)
            self._alarm = alarm
        now = self._monotonic()
        status = (height, alarm, followed_until)
        if status != self._recorded or now - self._recorded_at > REPORT_INTERVAL_SECONDS:
            self._recorded, self._recorded_at = status, now
            await self._chains.record_status(
                self._network, height=height, alarm=alarm, followed_until=followed_until
            )

    async def halt(self, reason: str) -> None:
        """Halt the chain until the operator resumes it."""
        metrics.HALTED.labels(self._network).set(1)
        log.error("chain halted", network=self._network, reason=reason)
        await self._chains.halt(self._network, reason)

    async def is_halted(self) -> bool:
        """Return whether the chain is halted."""
        halted = await self._chains.is_halted(self._network)
        if halted:
            metrics.HALTED.labels(self._network).set(1)
        return halted

    async def is_reliable(self) -> bool:
        """Return whether the nodes agreed in the last round and the chain is not halted."""
        return self._nodes_agree and not await self.is_halted()
