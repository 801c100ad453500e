"""The orders of a network that cannot be paid out at the moment, and why."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

import structlog

from domain.actions.orders.ports import Traced, untraced
from domain.chains.attempts import (
    FAILING_FOR_TOO_LONG,
    AttemptRepository,
    FailingOrders,
    Failure,
    failure_of,
)
from domain.chains.leases import LeaseLost
from domain.chains.outflows import OutflowDisabled
from domain.clock import Clock
from feeds.settlement import metrics

log: Final = structlog.get_logger()

DISABLED: Final = "outflow is off"

T = TypeVar("T")


class PayoutBacklog:
    """Runs the work of each order by itself: one that fails does not stop the others."""

    def __init__(
        self, network: str, attempts: AttemptRepository, clock: Clock, *, traced: Traced = untraced
    ) -> None:
        """Run each attempt within what `traced` returns for its order."""
        self._traced = traced
        self._network = network
        self._attempts = attempts
        self._clock = clock
        self._succeeded: set[UUID] = set()
        self._failed: set[UUID] = set()
        self._logged: dict[UUID, str] = {}

    async def attempt(self, order_id: UUID, work: Awaitable[T]) -> T | None:
        """Return the result of an order's work; None if it failed, with the failure recorded.

        Disabled outflows, and another process that leads the network, are no failure of the order.
        """
        async with self._traced(order_id, "payout"):
            return await self._attempt(order_id, work)

    async def _attempt(self, order_id: UUID, work: Awaitable[T]) -> T | None:
        try:
            result = await work
        except OutflowDisabled:
            self.wait_for_operator(order_id)
            return None
        except LeaseLost as error:
            log.warning("outflow left to another process", order=str(order_id), detail=str(error))
            return None
        except Exception as error:  # noqa: BLE001  one order must not stop the others
            await self._record(order_id, error)
            return None
        if order_id not in self._failed:
            self._succeeded.add(order_id)
        return result

    def wait_for_operator(self, order_id: UUID) -> None:
        """Log once that an order waits because outflows are disabled."""
        if self._logged.get(order_id) != DISABLED:
            log.warning("outflow waits", order=str(order_id), detail=DISABLED)
            self._logged[order_id] = DISABLED

    async def end_round(self) -> None:
        """Forget the failures of orders that succeeded in this round, and measure the others."""
        for order_id in self._succeeded:
            self._logged.pop(order_id, None)
        if self._succeeded:
            await self._attempts.clear(self._succeeded)
        self._succeeded, self._failed = set(), set()
        self._measure(await self._attempts.summary(self._network))

    async def _record(self, order_id: UUID, error: Exception) -> None:
        self._failed.add(order_id)
        self._succeeded.discard(order_id)
        failure, now = failure_of(error), self._clock.now()
        recorded = await self._attempts.record(self._network, order_id, failure, at=now)
        if not failure.is_expected and self._logged.get(order_id) != failure.detail:
            log.error("outflow attempt failed", order=str(order_id), exc_info=error)
            self._logged[order_id] = failure.detail
        if recorded is None:
            return
        self._log(order_id, failure, since=recorded.failing_since, failures=recorded.failures)

    def _log(self, order_id: UUID, failure: Failure, *, since: datetime, failures: int) -> None:
        """Log each recorded failure; as an error once the order has failed for too long."""
        is_overdue = self._clock.now() - since >= FAILING_FOR_TOO_LONG
        report = log.error if is_overdue else log.warning
        report(
            "outflow on hold" if failure.is_held else "outflow postponed",
            order=str(order_id),
            reason=failure.reason.value,
            detail=failure.detail,
            failures=failures,
            since=since.astimezone(UTC).isoformat(),
        )

    def _measure(self, summary: FailingOrders) -> None:
        metrics.OUTFLOWS_WAITING.labels(self._network).set(summary.failing)
        metrics.OUTFLOWS_HELD.labels(self._network).set(summary.held)
        oldest = summary.oldest
        seconds = (self._clock.now() - oldest).total_seconds() if oldest is not None else 0
        metrics.OUTFLOWS_FAILING_SECONDS.labels(self._network).set(max(seconds, 0))
