"""Adds events to the outbox that are not about an order; those of orders are added as they change.

The database checks the partner's URL and subscription in the same statement.
"""

from typing import Final

from domain.webhooks.events import Event
from persistence.postgres.pool import Database, Row

ENQUEUE: Final = """
SELECT enqueue_webhook_event($1::uuid, $2::uuid, $3::text, $4::text, $5::bytea, $6) AS enqueued
"""

ENQUEUE_TEST: Final = """
SELECT enqueue_test_event($1::uuid, $2::uuid, $3::text, $4::bytea, $5) AS enqueued
"""


def enqueue_parameters(event: Event) -> list[object]:
    """Return the parameters of the database function `enqueue_webhook_event`."""
    return [
        event.id,
        event.partner_id,
        event.type.value,
        event.dedup_key,
        event.body,
        event.created_at,
    ]


async def enqueue_event(database: Database, event: Event) -> bool:
    """Store an event; return False where its partner has no URL or no subscription to its type."""
    return _is_enqueued(await database.fetch_one(ENQUEUE, enqueue_parameters(event)))


async def enqueue_test_event(database: Database, event: Event) -> bool:
    """Store a test event; return False where its partner has no URL."""
    parameters = [event.id, event.partner_id, event.type.value, event.body, event.created_at]
    return _is_enqueued(await database.fetch_one(ENQUEUE_TEST, parameters))


def _is_enqueued(row: Row | None) -> bool:
    return row is not None and bool(row["enqueued"])
