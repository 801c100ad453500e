"""The orders of a network that cannot be paid out at the moment, and why."""

from collections.abc import Awaitable
from typing import Final
from uuid import UUID

import structlog

from domain.chains.outflows import OutflowCapExceeded, OutflowDisabled
from domain.errors import InvalidTransition, Unavailable
from feeds.settlement import metrics

log: Final = structlog.get_logger()


class PayoutBacklog:
    """Runs the work of each order by itself: one that has to wait does not stop the others."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._reasons: dict[UUID, str] = {}

    async def attempt(self, order_id: UUID, work: Awaitable[bool]) -> bool:
        """Return the result of an order's work; False, with the reason logged once, if it waits."""
        try:
            done = await work
        except (Unavailable, OutflowDisabled, OutflowCapExceeded, InvalidTransition) as error:
            reason = str(error) or type(error).__name__
            if self._reasons.get(order_id) != reason:
                log.warning("outflow on hold", order=str(order_id), reason=reason)
                self._reasons[order_id] = reason
            self._count()
            return False
        self._reasons.pop(order_id, None)
        self._count()
        return done

    def _count(self) -> None:
        metrics.OUTFLOWS_WAITING.labels(self._network).set(len(self._reasons))
