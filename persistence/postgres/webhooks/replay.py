"""Replays webhook events: makes them due again, with the same ids and bodies.

The retry schedule of a replayed event starts over; a pending event is only attempted sooner; an
event that is being sent is left alone.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.webhooks.delivery_log import first_event_id
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.events import ORDER_NOT_DELETED

MAX_PER_STATEMENT: Final = 1_000

REPLAY = f"""
WITH chosen AS (
  SELECT e.id FROM webhook_events e
  WHERE e.id = ANY ($1::uuid[])
    AND ($2::uuid IS NULL OR (e.partner_id = $2::uuid AND {ORDER_NOT_DELETED}))
  ORDER BY e.id FOR UPDATE OF e
), replayed AS (
  UPDATE webhook_events e SET
    status = 'pending', due_at = $3, finished_at = NULL,
    attempts = CASE WHEN e.status = 'pending' THEN e.attempts ELSE 0 END
  FROM chosen WHERE e.id = chosen.id AND e.status <> 'queued'
)
SELECT count(*) AS events FROM chosen
"""  # noqa: S608  only constants of ours

# Statuses are literals, so that dead events are found by their partial index. Each statement starts
# after the last id of the one before: an event that fails again meanwhile is not replayed twice.
_REPLAY_SETTLED = """
WITH chosen AS (
  SELECT e.id FROM webhook_events e
  WHERE e.partner_id = $1 AND e.status IN ({statuses}) AND e.id > $2
    AND e.created_at >= $3 AND ($4::timestamptz IS NULL OR e.created_at < $4::timestamptz)
    AND ($5::boolean OR {order_not_deleted})
  ORDER BY e.id LIMIT $6::integer FOR UPDATE OF e
)
UPDATE webhook_events e SET status = 'pending', due_at = $7, finished_at = NULL, attempts = 0
WHERE e.id = ANY (ARRAY(SELECT id FROM chosen))
RETURNING e.id
"""
REPLAY_DEAD = _REPLAY_SETTLED.format(statuses="'dead'", order_not_deleted=ORDER_NOT_DELETED)
REPLAY_DEAD_AND_DELIVERED = _REPLAY_SETTLED.format(
    statuses="'dead', 'delivered'", order_not_deleted=ORDER_NOT_DELETED
)


async def replay_events(
    database: Database,
    event_ids: Collection[UUID],
    *,
    partner_id: UUID | None = None,
    now: datetime,
) -> int:
    """Replay events; return how many of them exist, including those being sent.

    With `partner_id`, only events that the partner may see; else any event.
    """
    (row,) = await database.fetch(REPLAY, [list(event_ids), partner_id, now])
    return int(row["events"])


async def replay_settled(
    database: Database,
    partner_id: UUID,
    *,
    since: datetime,
    until: datetime | None = None,
    include_delivered: bool = False,
    include_deleted_orders: bool = False,
    limit: int | None = None,
    now: datetime,
) -> int:
    """Replay a partner's dead events created from `since` on and before `until`; return how many.

    Oldest first, up to `limit` rounded up to whole statements; with `include_delivered`, delivered
    events as well.
    """
    statement = REPLAY_DEAD_AND_DELIVERED if include_delivered else REPLAY_DEAD
    last, replayed = first_event_id(since), 0
    while limit is None or replayed < limit:
        parameters = [
            partner_id,
            last,
            since,
            until,
            include_deleted_orders,
            MAX_PER_STATEMENT,
            now,
        ]
        rows = await database.fetch(statement, parameters)
        replayed += len(rows)
        if len(rows) < MAX_PER_STATEMENT:
            break
        last = max(UUID(row["id"]) for row in rows)
    return replayed
