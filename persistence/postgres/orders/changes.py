"""Finds a partner's orders in the order of their last change, complete while orders change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID
from domain.orders.cursors import ListPosition
from domain.orders.query import OrderFilter
from persistence.postgres.pool import Database

SCANNED: Final = 1_000
"""Changes examined in one round, where a filter may match few of them."""
ROUNDS: Final = 3
MAX_SORTED: Final = 1_000
"""Orders with one external id that are sorted by their change; more are scanned like all."""

# A statement of its own, before the one that reads: what was committed by then is visible to that.
COMPLETE_UNTIL = "SELECT orders_complete_until() AS until"

_CHANGED = "coalesce(changed_at, updated_at)"

# Whole rows are compared, as in search.py: a page is one range of the index. Its entries are one
# value, because the driver takes longer for each row than for a whole page of JSON.
CHANGES = f"""
SELECT coalesce(
  json_agg(json_build_array(id, changed, matches) ORDER BY partner_id, changed, id), '[]'
)::text AS entries
FROM (
  SELECT partner_id, id, {_CHANGED} AS changed, (state = ANY ($6::text[])
      AND ($7::uuid IS NULL OR code_id = $7)
      AND ($8::timestamptz IS NULL OR created_at >= $8)
      AND ($9::timestamptz IS NULL OR created_at < $9)
      AND ($10::text IS NULL OR external_id = $10)) IS TRUE AS matches
  FROM orders
  WHERE (partner_id, {_CHANGED}, id) > ($1::uuid, $2::timestamptz, $3::uuid)
    AND (partner_id, {_CHANGED}, id) < ($1::uuid, $4::timestamptz, $11::uuid)
    AND deleted_at IS NULL
  ORDER BY partner_id, {_CHANGED}, id LIMIT $5) AS examined
"""  # noqa: S608  constants of ours, here and below

# The index of external ids, even where the planner would rather walk the other one.
CHANGES_OF_EXTERNAL_ID = CHANGES.replace(
    "FROM orders\n",
    """FROM (
    SELECT * FROM orders WHERE (partner_id, external_id, id) >= ($1::uuid, $10, $11::uuid)
      AND partner_id = $1 AND external_id = $10 OFFSET 0) AS orders
""",
)

COUNT_OF_EXTERNAL_ID = """
SELECT count(*) AS number FROM (
  SELECT FROM orders WHERE partner_id = $1 AND external_id = $2 LIMIT $3::bigint) AS found
"""


class Changes(msgspec.Struct, frozen=True):
    """Ids in the order of their changes, the last position examined, and whether it is the end."""

    ids: Sequence[UUID]
    position: ListPosition
    is_last: bool


_decode_entries = msgspec.json.Decoder(list[tuple[UUID, datetime, bool]]).decode


async def find_changes(
    database: Database,
    partner_id: UUID,
    filters: OrderFilter,
    *,
    after: ListPosition | None,
    limit: int,
) -> Changes:
    """Return at most `limit` ids of matching orders whose last change is after a position.

    The list ends before the oldest transaction that is still running, so that no change is missed
    that becomes visible later. A page may be short of matches, and still have a next one.
    """
    row = await database.fetch_one(COMPLETE_UNTIL)
    until: datetime = row["until"] if row else datetime.min.replace(tzinfo=UTC)
    if filters.changed_until is not None:
        until = min(until, filters.changed_until)
    statement = await _statement(database, partner_id, filters)
    since = filters.changed_since or datetime(1970, 1, 1, tzinfo=UTC)
    position = after or ListPosition(FIRST_ID, since)
    is_plain = filters == OrderFilter(
        changed_since=filters.changed_since, changed_until=filters.changed_until
    )
    scanned, ids = limit + 1 if is_plain else max(SCANNED, limit + 1), list[UUID]()
    for _ in range(ROUNDS):
        parameters = _parameters(partner_id, filters, position, until, scanned)
        [row] = await database.fetch(statement, parameters)
        entries = _decode_entries(row["entries"])
        for order_id, changed, matches in entries:
            if len(ids) == limit:
                return Changes(ids, position, is_last=False)
            position = ListPosition(order_id, changed)
            if matches:
                ids.append(order_id)
        if len(entries) < scanned:
            return Changes(ids, position, is_last=True)
    return Changes(ids, position, is_last=False)


async def _statement(database: Database, partner_id: UUID, filters: OrderFilter) -> str:
    if filters.external_id is None:
        return CHANGES
    parameters = [partner_id, filters.external_id, MAX_SORTED + 1]
    row = await database.fetch_one(COUNT_OF_EXTERNAL_ID, parameters)
    return CHANGES_OF_EXTERNAL_ID if row and row["number"] <= MAX_SORTED else CHANGES


def _parameters(
    partner_id: UUID, filters: OrderFilter, position: ListPosition, until: datetime, scanned: int
) -> list[Any]:
    return [
        partner_id,
        position.changed_at,
        position.id,
        until,
        scanned,
        filters.states,
        filters.code_id,
        filters.since,
        filters.until,
        filters.external_id,
        FIRST_ID,
    ]
