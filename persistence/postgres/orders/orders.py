"""Orders as the gateway creates and reads them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from domain.actions.orders.ports import IdempotencyKey, OpenedOrder
from domain.errors import IdempotencyConflict, QuoteUsed, Unavailable
from domain.orders.order import Order
from domain.orders.query import OrderStatus
from domain.orders.states import Choice, State
from persistence.postgres.batcher import Batcher
from persistence.postgres.commits import Commits
from persistence.postgres.orders.insert import (
    InsertResult,
    OrderInsert,
    insert_orders,
    order_insert,
)
from persistence.postgres.orders.rows import COLUMNS, NOT_DELETED, CurrentCatalogue, order_of
from persistence.postgres.pool import Database

if TYPE_CHECKING:
    from domain.assets import Catalogue

# Every change of a returned column writes a new version of the row (see SAVE and RECORD_CHOICE), so
# that its xmin identifies what a cached order was read from.
WRITTEN = f"""
SELECT id, xmin::text AS written FROM orders
WHERE id = ANY ($1::text[]::uuid[]) AND {NOT_DELETED}
"""  # noqa: S608  the condition is a constant of ours, as are the columns below

FIND = f"""
SELECT {COLUMNS}, xmin::text AS written FROM orders
WHERE id = ANY ($1::text[]::uuid[]) AND {NOT_DELETED}
"""  # noqa: S608

STATUS = f"SELECT state, updated_at FROM orders WHERE id = $1 AND {NOT_DELETED}"  # noqa: S608

DELETE = "SELECT delete_order($1) AS deleted"

# Inserts nothing where the order is no longer held, or has a choice already.
RECORD_CHOICE = """
INSERT INTO emergency_choices (order_id, choice, refund_tag)
SELECT id, $3, $4 FROM orders WHERE id = $1 AND partner_id = $2 AND state = 'held'
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
"""

REPEATED = """
SELECT order_id, body_hash FROM idempotency_keys WHERE partner_id = $1 AND key = $2
"""

MAX_INSERTS_PER_BATCH = 64
MAX_READS_PER_BATCH = 64
MAX_CACHED_ORDERS = 2_000
"""Orders cached as they were last read: some 3 KB each."""
CONCURRENT_INSERTS = 2
CONCURRENT_READS = 1
"""Statements running at once; later requests are batched for the next.

A statement costs as much as reading fifty rows; an insert waits for the disk, a read does not.
"""


class PostgresOrderRepository:
    """OrderRepository over PostgreSQL, under the gateway's role."""

    def __init__(
        self,
        database: Database,
        catalogue: CurrentCatalogue,
        *,
        batched: bool = True,
        commits: Commits | None = None,
    ) -> None:
        """Insert and read concurrent orders in shared statements, unless `batched` is off.

        Orders are inserted with `commits`, where it is given.
        """
        self._database = database
        self._catalogue = catalogue
        self._inserts: Batcher[OrderInsert, InsertResult] = Batcher(
            lambda inserts: insert_orders(commits or database, inserts),
            batch_size=MAX_INSERTS_PER_BATCH if batched else 1,
            concurrency=CONCURRENT_INSERTS if batched else MAX_INSERTS_PER_BATCH,
        )
        self._reads: Batcher[UUID, _CachedOrder | None] = Batcher(
            self._read,
            batch_size=MAX_READS_PER_BATCH if batched else 1,
            concurrency=CONCURRENT_READS if batched else MAX_READS_PER_BATCH,
        )
        self._cache: dict[str, _CachedOrder] = {}
        self._cache_catalogue: Catalogue | None = None

    async def open(
        self,
        order: Order,
        *,
        token_hash: bytes,
        idempotency: IdempotencyKey | None,
        client: bytes | None = None,
        client_networks: Sequence[bytes] = (),
        quote_id: UUID | None = None,
    ) -> OpenedOrder:
        """See OrderRepository."""
        insert = order_insert(
            order,
            token_hash,
            idempotency,
            client=client,
            client_networks=client_networks,
            quote_id=quote_id,
        )
        result = await self._inserts.submit(insert)
        if result.address is not None:
            stored = msgspec.structs.replace(
                order, pay_in_address=result.address, pay_in_tag=result.tag
            )
            return OpenedOrder(stored, repeated=False)
        existing = await self.repeated(order.partner_id, idempotency) if idempotency else None
        if existing is not None:
            return OpenedOrder(existing, repeated=True)
        if result.quote_used:
            raise QuoteUsed
        if result.had_address:
            raise Unavailable("the order of this Idempotency-Key is gone")
        raise Unavailable(f"no free pay-in address on {order.source.network}")

    async def repeated(self, partner_id: UUID, idempotency: IdempotencyKey) -> Order | None:
        """See OrderRepository."""
        row = await self._database.fetch_one(REPEATED, [partner_id, idempotency.key])
        if row is None:
            return None
        if row["body_hash"] != idempotency.body_hash:
            raise IdempotencyConflict
        found = await self.find(UUID(row["order_id"]), partner_id)
        return found[0] if found else None

    async def find(self, order_id: UUID, partner_id: UUID | None) -> tuple[Order, bytes] | None:
        """See OrderRepository."""
        cached = await self._reads.submit(order_id)
        if cached is None or (partner_id is not None and cached.order.partner_id != partner_id):
            return None
        return cached.order, cached.token_hash

    async def status(self, order_id: UUID) -> OrderStatus | None:
        """See OrderRepository."""
        row = await self._database.fetch_one(STATUS, [order_id])
        return OrderStatus(order_id, State(row["state"]), row["updated_at"]) if row else None

    async def delete(self, order_id: UUID) -> bool:
        """See OrderRepository."""
        row = await self._database.fetch_one(DELETE, [order_id])
        return row is not None and bool(row["deleted"])

    async def record_choice(
        self, order_id: UUID, partner_id: UUID, choice: Choice, *, refund_tag: str | None = None
    ) -> bool:
        """See OrderRepository."""
        parameters = [order_id, partner_id, choice.value, refund_tag]
        row = await self._database.fetch_one(RECORD_CHOICE, parameters)
        return row is not None

    async def _read(self, order_ids: Sequence[UUID]) -> "Sequence[_CachedOrder | Exception | None]":
        """Return the orders that exist; only rows written since they were cached are read again."""
        ids, catalogue = [str(one) for one in order_ids], self._catalogue()
        if catalogue is not self._cache_catalogue:
            self._cache, self._cache_catalogue = {}, catalogue
        cache = self._cache
        orders: dict[str, _CachedOrder | Exception] = {}
        changed = []
        for row in await self._database.fetch(WRITTEN, [ids]):
            cached = cache.get(row["id"])
            if cached and cached.written == row["written"]:
                orders[row["id"]] = cached
            else:
                changed.append(row["id"])
        for row in await self._database.fetch(FIND, [changed]) if changed else ():
            try:
                orders[row["id"]] = cache[row["id"]] = _CachedOrder(
                    order_of(row["shown"], catalogue.assets), row["token_hash"], row["written"]
                )
            except Exception as error:  # noqa: BLE001  of this order alone
                orders[row["id"]] = error
        while len(cache) > MAX_CACHED_ORDERS:
            del cache[next(iter(cache))]
        return [orders.get(one) for one in ids]


class _CachedOrder(NamedTuple):
    """An order as it was read, its token's hash, and the transaction that had written it."""

    order: Order
    token_hash: bytes
    written: str
