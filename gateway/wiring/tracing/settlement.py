"""Settlement's work on an order as spans of the order's trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from domain.actions.orders.ports import Traced
from domain.ledger.postings import Accrual
from domain.orders.order import Order
from domain.tracing import TRACEPARENT
from domain.webhooks.events import Event
from gateway.runtime.tracing import Tracing
from persistence.postgres.orders.rows import CurrentCatalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.orders.traces import read_traceparent
from persistence.postgres.pool import Database

log = structlog.get_logger()


class TracedSettlementOrderRepository(PostgresSettlementOrderRepository):
    """Stores each move of an order in a span, and logs it with the trace."""

    def __init__(self, database: Database, catalogue: CurrentCatalogue, traced: Traced) -> None:
        super().__init__(database, catalogue)
        self._traced = traced

    async def save(
        self,
        order: Order,
        *,
        expected_version: int,
        event: Event | None,
        earned: Accrual | None = None,
    ) -> bool:
        """See SettlementOrderRepository."""
        state = order.state.value
        async with self._traced(order.id, f"order {state}"):
            saved = await super().save(
                order, expected_version=expected_version, event=event, earned=earned
            )
            if saved and TRACEPARENT.get() is not None:
                log.info("order moved", order=str(order.id), state=state)
            return saved


def traced_work(database: Database, tracing: Tracing) -> Traced:
    """Return what runs work on an order in a span of the order's trace, if it has one.

    Work within other work of the order is a part of it.
    """

    @asynccontextmanager
    async def traced(order_id: UUID, name: str) -> AsyncIterator[None]:
        parent = TRACEPARENT.get() or await read_traceparent(database, order_id)
        if parent is None:
            yield
            return
        attributes = {"swapgate.order": str(order_id)}
        with tracing.span(name, parent=parent, attributes=attributes):
            yield

    return traced
