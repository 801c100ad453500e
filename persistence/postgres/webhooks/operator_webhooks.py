"""The operator's view of webhook events, including those of deleted orders."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.events import list_events, read_event
from persistence.postgres.webhooks.replay import replay_events, replay_settled


class PostgresOperatorWebhookRepository:
    """OperatorWebhookRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(
        self, partner_id: UUID, *, statuses: Collection[EventStatus], limit: int
    ) -> Sequence[EventSummary]:
        """See OperatorWebhookRepository."""
        return await list_events(self._database, partner_id, statuses=statuses, limit=limit)

    async def event(self, event_id: UUID) -> EventDetails:
        """See OperatorWebhookRepository."""
        return await read_event(self._database, event_id)

    async def replay(self, event_id: UUID, *, now: datetime) -> bool:
        """See OperatorWebhookRepository."""
        return bool(await replay_events(self._database, [event_id], now=now))

    async def replay_settled(
        self,
        partner_id: UUID,
        *,
        since: datetime,
        until: datetime,
        include_delivered: bool,
        now: datetime,
    ) -> int:
        """See OperatorWebhookRepository."""
        return await replay_settled(
            self._database,
            partner_id,
            since=since,
            until=until,
            include_delivered=include_delivered,
            include_deleted_orders=True,
            now=now,
        )
