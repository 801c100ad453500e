"""A partner's orders for its cabinet: pages, single orders and changes. No access tokens."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.assets import Catalogue
from domain.errors import NotFound
from domain.ids import LAST_ID
from domain.money import USD_DECIMALS, units_from
from domain.orders.query import PAGE, ListedOrder, OrderFilter, OrderPage
from domain.webhooks.delivery_log import EventDetails
from persistence.postgres.orders.rows import NOT_DELETED, SHOWN, order_of
from persistence.postgres.orders.search import search_orders
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.events import list_events_of_order

MAX_NEW_COUNTED: Final = 100
"""New orders are counted up to this number."""

ROWS = f"""
SELECT {SHOWN}::text AS shown, (
  SELECT CASE WHEN accrued THEN coalesce(sum(l.amount), 0)::text END
  FROM ledger_postings l WHERE l.transaction_id = orders.id
    AND l.account IN ('markup', 'base_fee_share')) AS earned
FROM orders
WHERE id = ANY ($2::text[]::uuid[]) AND partner_id = $1 AND {NOT_DELETED}
"""  # noqa: S608  the columns are a constant of ours

AWAITING_CHOICE = """
SELECT id FROM orders o
WHERE (partner_id, state, id) >= ($1::uuid, 'held', '00000000-0000-0000-0000-000000000000'::uuid)
  AND (partner_id, state, id) <= ($1::uuid, 'held', 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
  AND state <> 'awaiting_deposit' AND deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM emergency_choices c WHERE c.order_id = o.id)
ORDER BY partner_id, state, id LIMIT $2
"""

CODE = "SELECT id FROM codes WHERE partner_id = $1 AND code = $2"


async def find_code(database: Database, partner_id: UUID, code: str) -> UUID | None:
    """Return the id of one of the partner's codes, or None."""
    row = await database.fetch_one(CODE, [partner_id, code])
    return UUID(row["id"]) if row else None


class PostgresOrderQueries:
    """OrderQueries over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database, catalogue: Callable[[], Catalogue]) -> None:
        self._database = database
        self._catalogue = catalogue

    async def page(
        self,
        partner_id: UUID,
        filters: OrderFilter,
        *,
        older_than: UUID | None = None,
        newer_than: UUID | None = None,
        limit: int = PAGE,
    ) -> OrderPage:
        """See OrderQueries."""
        if newer_than is not None:
            found = await search_orders(
                self._database,
                partner_id,
                filters,
                first=newer_than.int + 1,
                newest_first=False,
                limit=limit + 1,
            )
            if len(found.ids) > limit or found.horizon is not None:
                ids = found.ids[:limit][::-1]
                return OrderPage(await self._listed(partner_id, ids), True, True)
            older_than = None  # show a full page of the newest ones
        last = LAST_ID.int if older_than is None else older_than.int - 1
        found = await search_orders(self._database, partner_id, filters, last=last, limit=limit + 1)
        listed = await self._listed(partner_id, found.ids[:limit])
        has_older = len(found.ids) > limit or found.horizon is not None
        return OrderPage(listed, has_older, older_than is not None, found.horizon)

    async def count_newer(self, partner_id: UUID, filters: OrderFilter, than: UUID) -> int:
        """See OrderQueries."""
        found = await search_orders(
            self._database,
            partner_id,
            filters,
            first=than.int + 1,
            newest_first=False,
            limit=MAX_NEW_COUNTED,
        )
        return len(found.ids)

    async def by_ids(self, partner_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, ListedOrder]:
        """See OrderQueries."""
        return await self._read(partner_id, [str(one) for one in ids])

    async def find(self, partner_id: UUID, order_id: UUID) -> ListedOrder:
        """See OrderQueries."""
        found = await self.by_ids(partner_id, [order_id])
        if order_id not in found:
            raise NotFound(f"the partner has no order {order_id}")
        return found[order_id]

    async def events(self, partner_id: UUID, order_id: UUID) -> Sequence[EventDetails]:
        """See OrderQueries."""
        return await list_events_of_order(self._database, partner_id, order_id)

    async def awaiting_choice(self, partner_id: UUID, *, limit: int) -> Sequence[UUID]:
        """See OrderQueries."""
        rows = await self._database.fetch(AWAITING_CHOICE, [partner_id, limit])
        return [UUID(row["id"]) for row in rows]

    async def code_id(self, partner_id: UUID, code: str) -> UUID | None:
        """See OrderQueries."""
        return await find_code(self._database, partner_id, code)

    async def _listed(self, partner_id: UUID, ids: Sequence[str]) -> list[ListedOrder]:
        found = await self._read(partner_id, ids) if ids else {}
        return [found[key] for one in ids if (key := UUID(one)) in found]

    async def _read(self, partner_id: UUID, ids: Sequence[str]) -> dict[UUID, ListedOrder]:
        listed = {}
        for row in await self._database.fetch(ROWS, [partner_id, ids]):
            order, earned = order_of(row["shown"], self._catalogue().assets), row["earned"]
            usd = None if earned is None else units_from(earned, USD_DECIMALS)
            listed[order.id] = ListedOrder(order, usd)
        return listed
