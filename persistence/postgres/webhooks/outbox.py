"""Events that aren't an order's, put into the outbox; orders' are put there as they move."""

from domain.webhooks.events import Event
from persistence.postgres.pool import Database, Row

ENQUEUE = "SELECT tell_partner($1::uuid, $2::uuid, $3::text, $4::text, $5::bytea, $6) AS told"
"""To be part of the statement that does what the event tells of: `SELECT tell_partner(...) FROM
done`, with the parameters of `told`. It checks the partner's subscription."""

TEST = "SELECT send_test_event($1::uuid, $2::uuid, $3::bytea, $4) AS told"


def enqueued(event: Event) -> list[object]:
    """Return the parameters of `tell_partner`."""
    return [
        event.id,
        event.partner_id,
        event.type.value,
        event.dedup_key,
        event.body,
        event.created_at,
    ]


async def enqueue_event(database: Database, event: Event) -> bool:
    """Store an event by itself; False where its partner has no URL or doesn't subscribe to it."""
    return _was_told(await database.fetch_one(ENQUEUE, enqueued(event)))


async def add_test_event(database: Database, event: Event) -> bool:
    """Store a test event; False where its partner has no URL."""
    parameters = [event.id, event.partner_id, event.body, event.created_at]
    return _was_told(await database.fetch_one(TEST, parameters))


def _was_told(row: Row | None) -> bool:
    return row is not None and bool(row["told"])
