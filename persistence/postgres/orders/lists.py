"""A partner's orders for the API: pages of lists, and statuses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.orders.lists.list_orders import ListedOrders
from domain.ids import LAST_ID
from domain.orders.cursors import ListPosition
from domain.orders.order import Order
from domain.orders.query import OrderFilter, OrderStatus
from domain.orders.states import State
from persistence.postgres.orders.changes import find_changes
from persistence.postgres.orders.partner_orders import find_code
from persistence.postgres.orders.rows import NOT_DELETED, SHOWN, CurrentCatalogue, orders_of
from persistence.postgres.orders.search import search_orders
from persistence.postgres.pool import Database

LISTED: Final = f"""
SELECT coalesce(json_agg({SHOWN} ORDER BY position), '[]')::text AS shown
FROM unnest($2::text[]::uuid[]) WITH ORDINALITY AS listed (id, position) JOIN orders USING (id)
WHERE partner_id = $1 AND {NOT_DELETED}
"""  # noqa: S608  the columns are a constant of ours

STATUSES: Final = f"""
SELECT coalesce(json_agg(json_build_array(id, state, updated_at)), '[]')::text AS statuses
FROM orders
WHERE id = ANY ($2::text[]::uuid[]) AND partner_id = $1 AND {NOT_DELETED}
"""  # noqa: S608

_decode_statuses = msgspec.json.Decoder(list[tuple[UUID, State, datetime]]).decode


class PostgresOrderLists:
    """OrderLists over PostgreSQL, under the gateway's role.

    `searches` has the settings of search.py; `database` serves what is read by id.
    """

    def __init__(self, searches: Database, database: Database, catalogue: CurrentCatalogue) -> None:
        self._searches = searches
        self._database = database
        self._catalogue = catalogue

    async def newest(
        self, partner_id: UUID, filters: OrderFilter, *, before: UUID | None, limit: int
    ) -> ListedOrders:
        """See OrderLists."""
        last = LAST_ID.int if before is None else before.int - 1
        found = await search_orders(self._searches, partner_id, filters, last=last, limit=limit + 1)
        ids = found.ids[:limit]
        end = UUID(ids[-1]) if len(found.ids) > limit else found.horizon
        return ListedOrders(
            await self._orders(partner_id, ids), None if end is None else ListPosition(end)
        )

    async def changes(
        self, partner_id: UUID, filters: OrderFilter, *, after: ListPosition | None, limit: int
    ) -> ListedOrders:
        """See OrderLists."""
        found = await find_changes(self._searches, partner_id, filters, after=after, limit=limit)
        position = None if found.is_last else found.position
        ids = [str(one) for one in found.ids]
        return ListedOrders(await self._orders(partner_id, ids), position)

    async def code_id(self, partner_id: UUID, code: str) -> UUID | None:
        """See OrderLists."""
        return await find_code(self._database, partner_id, code)

    async def statuses(self, partner_id: UUID, ids: Sequence[UUID]) -> Sequence[OrderStatus]:
        """See OrderLists."""
        [row] = await self._database.fetch(STATUSES, [partner_id, [str(one) for one in ids]])
        return [OrderStatus(*one) for one in _decode_statuses(row["statuses"])]

    async def _orders(self, partner_id: UUID, ids: Sequence[str]) -> list[Order]:
        if not ids:
            return []
        [row] = await self._database.fetch(LISTED, [partner_id, ids])
        return orders_of(row["shown"], self._catalogue().assets)
