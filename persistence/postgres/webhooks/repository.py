"""A partner's webhooks as its staff manages them, under the gateway's role."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import NotFound
from domain.webhooks.delivery_log import (
    EventDetails,
    LogCursor,
    LogFilter,
    LogPage,
    first_event_id,
)
from domain.webhooks.events import Event
from domain.webhooks.ports import EndpointState, SigningSecrets, WebhookSettings
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.bodies import original_body
from persistence.postgres.webhooks.delivery_log import read_log_page
from persistence.postgres.webhooks.endpoint_state import (
    read_endpoint_state,
    save_endpoint_settings,
)
from persistence.postgres.webhooks.events import IS_TEST, ORDER_NOT_DELETED, read_event
from persistence.postgres.webhooks.outbox import enqueue_test_event
from persistence.postgres.webhooks.replay import replay_events, replay_settled

MAX_ATTEMPTS_SHOWN: Final = 50

SECRETS = """
SELECT webhook_secret_sealed AS current,
  CASE WHEN previous_webhook_secret_until > $2 THEN previous_webhook_secret_sealed END AS previous
FROM partners WHERE id = $1
"""

BODY = f"""
SELECT e.body FROM webhook_events e
WHERE e.id = $2 AND e.partner_id = $1 AND {ORDER_NOT_DELETED}
"""  # noqa: S608  only constants of ours

COUNT_TESTS = f"""
SELECT count(*) AS events FROM webhook_events e
WHERE e.partner_id = $1 AND e.id >= $2 AND {IS_TEST} AND e.created_at >= $3
"""  # noqa: S608  only constants of ours


class PostgresWebhookRepository:
    """WebhookRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def read_state(self, partner_id: UUID) -> EndpointState:
        """See WebhookRepository."""
        return await read_endpoint_state(self._database, partner_id)

    async def save_settings(self, partner_id: UUID, settings: WebhookSettings) -> bool:
        """See WebhookRepository."""
        return await save_endpoint_settings(self._database, partner_id, settings)

    async def read_secrets(self, partner_id: UUID, *, now: datetime) -> SigningSecrets:
        """See WebhookRepository."""
        row = await self._database.fetch_one(SECRETS, [partner_id, now])
        if row is None:
            raise NotFound(f"there is no partner {partner_id}")
        return SigningSecrets(
            self._decrypt(partner_id, row["current"]), self._decrypt(partner_id, row["previous"])
        )

    async def list_events(
        self, partner_id: UUID, log_filter: LogFilter, cursor: LogCursor | None
    ) -> LogPage:
        """See WebhookRepository."""
        return await read_log_page(self._database, partner_id, log_filter, cursor)

    async def read_event(self, partner_id: UUID, event_id: UUID) -> EventDetails:
        """See WebhookRepository."""
        return await read_event(
            self._database, event_id, partner_id=partner_id, max_attempts=MAX_ATTEMPTS_SHOWN
        )

    async def read_body(self, partner_id: UUID, event_id: UUID) -> bytes | None:
        """See WebhookRepository."""
        row = await self._database.fetch_one(BODY, [partner_id, event_id])
        return original_body(row["body"]) if row else None

    async def replay(self, partner_id: UUID, event_ids: Collection[UUID], *, now: datetime) -> int:
        """See WebhookRepository."""
        return await replay_events(self._database, event_ids, partner_id=partner_id, now=now)

    async def replay_failed(
        self, partner_id: UUID, *, since: datetime, now: datetime, limit: int
    ) -> int:
        """See WebhookRepository."""
        return await replay_settled(self._database, partner_id, since=since, limit=limit, now=now)

    async def count_tests(self, partner_id: UUID, *, since: datetime) -> int:
        """See WebhookRepository."""
        parameters = [partner_id, first_event_id(since), since]
        (row,) = await self._database.fetch(COUNT_TESTS, parameters)
        return int(row["events"])

    async def enqueue_test(self, event: Event) -> bool:
        """See WebhookRepository."""
        return await enqueue_test_event(self._database, event)

    def _decrypt(self, partner_id: UUID, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._keyring.try_open(sealed, record=webhook_secret_record(partner_id))
