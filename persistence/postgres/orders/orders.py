"""Orders as the gateway opens and reads them, and as settlement moves them."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.actions.orders.ports import IdempotencyKey, OpenedOrder, VersionedOrder
from domain.assets import Asset, Catalogue
from domain.errors import (
    IdempotencyConflict,
    Unavailable,
)
from domain.ledger.postings import Accrual
from domain.market.conversion import Rate
from domain.money import USD_DECIMALS, format_units, units_from
from domain.orders.order import Order
from domain.orders.states import Choice, Emergency, RateType, State
from domain.webhooks.events import Event
from persistence.postgres.batcher import Batcher
from persistence.postgres.ledger.postings import (
    POST,
    accrue,
    base_fee_share_bps,
    stored_accrual,
)
from persistence.postgres.orders.deposits import DEPOSITS, deposits_of, stored_deposits
from persistence.postgres.orders.insert import (
    InsertResult,
    OrderInsert,
    insert_orders,
    order_insert,
)
from persistence.postgres.pool import Database

Assets = Callable[[], Catalogue]

SHOWN = f"""
  id, partner_id, code_id, rate_type, state, version, source, destination,
  source_amount::text AS source_amount, destination_amount::text AS destination_amount, rate,
  network_fee::text AS network_fee, fee_bps, markup_bps, worth_usd::text AS worth_usd,
  destination_address, destination_tag,
  refund_address, pay_in_address, pay_in_tag, created_at, expires_at, updated_at,
  finished_at, payout_tx_id, refund_tx_id, emergency,
  COALESCE(
    NULLIF(choice, 'NONE'),
    (SELECT c.choice FROM emergency_choices c WHERE c.order_id = orders.id AND state = 'held'),
    'NONE') AS choice,
  ({DEPOSITS})::text AS deposits
"""  # noqa: S608  the parts are a constant of ours

COLUMNS = f"{SHOWN}, token_hash"

# Whatever changes of an order that is shown, its row is written anew: see SAVE and CHOOSE.
WRITTEN = """
SELECT id, xmin::text AS written FROM orders
WHERE id = ANY ($1::text[]::uuid[]) AND deleted_at IS NULL
"""

FIND = f"""
SELECT {COLUMNS}, xmin::text AS written FROM orders
WHERE id = ANY ($1::text[]::uuid[]) AND deleted_at IS NULL
"""  # noqa: S608  the columns are this module's own constant

STATE = "SELECT state FROM orders WHERE id = $1 AND deleted_at IS NULL"

DELETE = "SELECT delete_order($1) AS deleted"

# Nothing is put down where the order isn't held any more, or was chosen for before.
RECORD_CHOICE = """
INSERT INTO emergency_choices (order_id, choice)
SELECT id, $3 FROM orders WHERE id = $1 AND partner_id = $2 AND state = 'held'
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
"""

PENDING_CHOICES = """
SELECT order_id AS id, choice FROM emergency_choices
WHERE order_id = ANY (ARRAY(SELECT id FROM orders WHERE state = 'held'))
  AND choice = ANY ($1::text[])
ORDER BY chosen_at LIMIT $2
"""

REPEATED = """
SELECT order_id, body_hash FROM idempotency_keys WHERE partner_id = $1 AND key = $2
"""

READ = f"SELECT {COLUMNS} FROM orders WHERE id = $1"  # noqa: S608  as above

SAVE = f"""
WITH moved AS (
  UPDATE orders SET
    state = $3, version = version + 1, source_amount = $4::text::numeric,
    destination_amount = $5::text::numeric, rate = $6, updated_at = $7, finished_at = $8,
    payout_tx_id = $10, refund_tx_id = $11, emergency = $12::text[], choice = $13,
    accrued = accrued OR $18::boolean,
    accrual_price_usd = coalesce($21::text::numeric, accrual_price_usd),
    accrual_share_bps = coalesce($22::integer, accrual_share_bps),
    events = events + ($14::uuid IS NOT NULL AND deleted_at IS NULL AND EXISTS (
      SELECT FROM partners p WHERE p.id = partner_id
        AND p.webhook_url IS NOT NULL AND $15::text = ANY (p.webhook_events)))::integer
  WHERE id = $1 AND version = $2
  RETURNING id, partner_id, code_id, version, deleted_at
), completed AS (
  SELECT id, partner_id, code_id, $7::timestamptz AS at FROM moved WHERE $18
), posted AS ({POST.format(accounts="$19", amounts="$20")}), deposited AS (
  INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late, dropped)
  SELECT moved.id, one.* FROM moved, json_to_recordset($9::text::json) AS one (
    tx_id text, position integer, amount numeric, seen_at timestamptz, confirmed_at timestamptz,
    late boolean, dropped boolean)
  ON CONFLICT (order_id, tx_id) DO UPDATE
  SET amount = EXCLUDED.amount, seen_at = EXCLUDED.seen_at, confirmed_at = EXCLUDED.confirmed_at,
    late = EXCLUDED.late, dropped = EXCLUDED.dropped
  WHERE (deposits.amount, deposits.confirmed_at, deposits.late, deposits.dropped)
    IS DISTINCT FROM
    (EXCLUDED.amount, EXCLUDED.confirmed_at, EXCLUDED.late, EXCLUDED.dropped)
), withdrawn AS (
  DELETE FROM emergency_choices c USING moved
  WHERE c.order_id = moved.id AND $3 = 'held' AND $13 = 'NONE'
), told AS (
  INSERT INTO webhook_events
    (id, partner_id, order_id, position, type, dedup_key, body, due_at, created_at)
  SELECT $14::uuid, moved.partner_id, moved.id, moved.version, $15::text, $16::text, $17::bytea,
    $7, $7
  FROM moved JOIN partners p ON p.id = moved.partner_id
  WHERE $14::uuid IS NOT NULL AND moved.deleted_at IS NULL
    AND p.webhook_url IS NOT NULL AND $15::text = ANY (p.webhook_events)
  RETURNING id
)
SELECT EXISTS (SELECT FROM moved) AS moved, EXISTS (SELECT FROM told) AS told
"""  # noqa: S608  the posting is a constant of ours

UNACCRUED = f"""
SELECT {COLUMNS} FROM orders
WHERE state = 'completed' AND NOT accrued AND source = ANY ($1::text[])
ORDER BY id LIMIT $2
"""  # noqa: S608  as above

DUE_FOR_EXPIRY = """
SELECT id FROM orders WHERE state = 'awaiting_deposit' AND expires_at <= $1
ORDER BY expires_at LIMIT $2
"""

# The few orders in question are looked up by id, however many others there are: arrays see to that
# even where the planner knows nothing yet of a table that has just grown.
IDLE = f"""
SELECT {COLUMNS} FROM orders
WHERE updated_at <= $1 AND id = ANY (ARRAY(
  SELECT id FROM orders WHERE state = 'paying_out'
  UNION SELECT order_id FROM deposits WHERE confirmed_at IS NULL AND NOT dropped))
ORDER BY updated_at LIMIT $2
"""  # noqa: S608  as above

RECENT = f"""
SELECT {COLUMNS} FROM orders
WHERE state = ANY ($1::text[]) ORDER BY id DESC LIMIT $2
"""  # noqa: S608  as above

LATE = f"""
SELECT {COLUMNS} FROM orders
WHERE state = ANY ($1::text[])
  AND id = ANY (ARRAY(SELECT order_id FROM deposits WHERE late))
ORDER BY id DESC LIMIT $2
"""  # noqa: S608  as above


MAX_INSERTS_PER_BATCH = 64
"""Orders that one statement opens."""
MAX_READS_PER_BATCH = 64
"""Orders that one statement finds."""
MAX_CACHED_ORDERS = 2_000
"""Orders that are kept as they were last found: some 3 KB each."""
CONCURRENT_INSERTS = 2
CONCURRENT_READS = 1
"""Statements under way at once; what comes meanwhile is gathered for the next.

A statement costs as much as reading fifty rows; opening waits for the disk, reading does not.
"""


class PostgresOrderRepository:
    """OrderRepository over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database, catalogue: Assets, *, grouped: bool = True) -> None:
        """Open and find the orders of one moment together, unless `grouped` is off."""
        self._database = database
        self._catalogue = catalogue
        self._opening: Batcher[OrderInsert, InsertResult] = Batcher(
            lambda openings: insert_orders(database, openings),
            batch_size=MAX_INSERTS_PER_BATCH if grouped else 1,
            concurrency=CONCURRENT_INSERTS if grouped else MAX_INSERTS_PER_BATCH,
        )
        self._finding: Batcher[UUID, _Found | None] = Batcher(
            self._found,
            batch_size=MAX_READS_PER_BATCH if grouped else 1,
            concurrency=CONCURRENT_READS if grouped else MAX_READS_PER_BATCH,
        )
        self._kept: dict[str, _Found] = {}
        self._kept_with: Catalogue | None = None

    async def open(
        self, order: Order, *, token_hash: bytes, idempotency: IdempotencyKey | None
    ) -> OpenedOrder:
        """See OrderRepository."""
        place = await self._opening.submit(order_insert(order, token_hash, idempotency))
        if place.address is not None:
            stored = msgspec.structs.replace(
                order, pay_in_address=place.address, pay_in_tag=place.tag
            )
            return OpenedOrder(stored, repeated=False)
        before = await self.repeated(order.partner_id, idempotency) if idempotency else None
        if before is not None:
            return OpenedOrder(before, repeated=True)
        if place.had_address:
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
        found = await self._finding.submit(order_id)
        if found is None or (partner_id is not None and found.order.partner_id != partner_id):
            return None
        return found.order, found.token_hash

    async def state(self, order_id: UUID) -> State | None:
        """See OrderRepository."""
        row = await self._database.fetch_one(STATE, [order_id])
        return State(row["state"]) if row else None

    async def delete(self, order_id: UUID) -> bool:
        """See OrderRepository."""
        row = await self._database.fetch_one(DELETE, [order_id])
        return row is not None and bool(row["deleted"])

    async def record_choice(self, order_id: UUID, partner_id: UUID, choice: Choice) -> bool:
        """See OrderRepository."""
        row = await self._database.fetch_one(RECORD_CHOICE, [order_id, partner_id, choice.value])
        return row is not None

    async def _found(self, order_ids: Sequence[UUID]) -> "Sequence[_Found | Exception | None]":
        """Ask which of the orders there are, and read those that aren't kept as they are now."""
        asked, catalogue = [str(one) for one in order_ids], self._catalogue()
        if catalogue is not self._kept_with:
            self._kept, self._kept_with = {}, catalogue
        kept_now = self._kept
        found: dict[str, _Found | Exception] = {}
        changed = []
        for row in await self._database.fetch(WRITTEN, [asked]):
            kept = kept_now.get(row["id"])
            if kept and kept.written == row["written"]:
                found[row["id"]] = kept
            else:
                changed.append(row["id"])
        for row in await self._database.fetch(FIND, [changed]) if changed else ():
            try:
                found[row["id"]] = kept_now[row["id"]] = _Found(
                    order_of(row, catalogue.assets), row["token_hash"], row["written"]
                )
            except Exception as error:  # noqa: BLE001  of this order alone
                found[row["id"]] = error
        while len(kept_now) > MAX_CACHED_ORDERS:
            del kept_now[next(iter(kept_now))]
        return [found.get(one) for one in asked]


class _Found(NamedTuple):
    """An order as it was found, its token's hash, and which transaction had written it."""

    order: Order
    token_hash: bytes
    written: str


class PostgresSettlementOrderRepository:
    """SettlementOrderRepository in PostgreSQL under settlement's role; the operator only reads."""

    def __init__(self, database: Database, catalogue: Assets) -> None:
        self._database = database
        self._catalogue = catalogue

    async def read(self, order_id: UUID) -> VersionedOrder | None:
        """See SettlementOrderRepository."""
        row = await self._database.fetch_one(READ, [order_id])
        return self._versioned(row) if row else None

    async def save(
        self,
        order: Order,
        *,
        expected_version: int,
        event: Event | None,
        earned: Accrual | None = None,
    ) -> bool:
        """See SettlementOrderRepository."""
        parameters = [
            *_saving(order, expected_version, event),
            earned is not None,
            *stored_accrual(earned),
        ]
        row = await self._database.fetch_one(SAVE, parameters)
        return row is not None and bool(row["moved"])

    async def base_fee_share_bps(self, order_id: UUID) -> int:
        """See SettlementOrderRepository."""
        return await base_fee_share_bps(self._database, order_id)

    async def unaccrued(self, sources: Collection[str], *, limit: int) -> Sequence[Order]:
        """See SettlementOrderRepository."""
        rows = await self._database.fetch(UNACCRUED, [list(sources), limit])
        return [self._versioned(row).order for row in rows]

    async def accrue(self, order_id: UUID, earned: Accrual, *, at: datetime) -> bool:
        """See SettlementOrderRepository."""
        return await accrue(self._database, order_id, earned, at=at)

    async def due_for_expiry(self, now: datetime, *, limit: int) -> Sequence[UUID]:
        """See SettlementOrderRepository."""
        rows = await self._database.fetch(DUE_FOR_EXPIRY, [now, limit])
        return [UUID(row["id"]) for row in rows]

    async def pending_choices(
        self, choices: Collection[Choice], *, limit: int
    ) -> Sequence[tuple[UUID, Choice]]:
        """See SettlementOrderRepository."""
        rows = await self._database.fetch(PENDING_CHOICES, [[one.value for one in choices], limit])
        return [(UUID(row["id"]), Choice(row["choice"])) for row in rows]

    async def idle_since(self, moment: datetime, *, limit: int) -> Sequence[VersionedOrder]:
        """See SettlementOrderRepository."""
        rows = await self._database.fetch(IDLE, [moment, limit])
        return [self._versioned(row) for row in rows]

    async def recent(
        self, states: Collection[State], *, limit: int, late: bool = False
    ) -> Sequence[VersionedOrder]:
        """Return the newest orders that are in one of these states, newest first.

        `late` selects only those with a late deposit.
        """
        sql = LATE if late else RECENT
        rows = await self._database.fetch(sql, [[state.value for state in states], limit])
        return [self._versioned(row) for row in rows]

    def _versioned(self, row: dict[str, Any]) -> VersionedOrder:
        return VersionedOrder(order_of(row, self._catalogue().assets), row["version"])


def _saving(order: Order, expected_version: int, event: Event | None) -> list[Any]:
    source = order.source.precision
    return [
        order.id,
        expected_version,
        order.state.value,
        format_units(order.source_amount, source),
        format_units(order.destination_amount, order.destination.precision),
        str(order.rate),
        order.updated_at,
        order.finished_at,
        stored_deposits(order.deposits, source),
        order.payout_tx_id,
        order.refund_tx_id,
        [reason.value for reason in order.emergency],
        order.choice.value,
        event.id if event else None,
        event.type.value if event else None,
        event.dedup_key if event else None,
        event.body if event else None,
    ]


class _Typed(msgspec.Struct, frozen=True):
    """What of a row has a type of its own: converted at once, at a third of the time."""

    id: UUID
    partner_id: UUID
    code_id: UUID | None
    rate_type: RateType
    state: State
    emergency: tuple[Emergency, ...]
    choice: Choice


def order_of(row: dict[str, Any], assets: Any) -> Order:
    """Return the order of a row with SHOWN or COLUMNS."""
    typed = msgspec.convert(row, _Typed)
    source: Asset = assets[row["source"]]
    destination: Asset = assets[row["destination"]]
    return Order(
        id=typed.id,
        partner_id=typed.partner_id,
        code_id=typed.code_id,
        rate_type=typed.rate_type,
        state=typed.state,
        source=source,
        destination=destination,
        source_amount=units_from(row["source_amount"], source.precision),
        destination_amount=units_from(row["destination_amount"], destination.precision),
        rate=Rate.parse(row["rate"]),
        network_fee=units_from(row["network_fee"], destination.precision),
        fee_bps=row["fee_bps"],
        markup_bps=row["markup_bps"],
        worth_usd=units_from(row["worth_usd"], USD_DECIMALS),
        destination_address=row["destination_address"],
        destination_tag=row["destination_tag"],
        refund_address=row["refund_address"],
        pay_in_address=row["pay_in_address"],
        pay_in_tag=row["pay_in_tag"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
        deposits=deposits_of(row["deposits"], source),
        payout_tx_id=row["payout_tx_id"],
        refund_tx_id=row["refund_tx_id"],
        emergency=typed.emergency,
        choice=typed.choice,
    )
