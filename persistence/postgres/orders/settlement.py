"""Orders as settlement moves them and the operator reads them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psqlpy.exceptions import Error

from domain.actions.orders.ports import VersionedOrder
from domain.errors import InvalidTransition, ReserveExceeded, Unavailable
from domain.ledger.postings import Accrual
from domain.money import format_units
from domain.orders.order import Order
from domain.orders.states import Choice, State
from domain.webhooks.events import Event
from persistence.postgres.chains.pay_in.pool import ADDRESS_RELEASED
from persistence.postgres.ledger.postings import (
    POST,
    accrue,
    base_fee_share_bps,
    stored_accrual,
)
from persistence.postgres.orders.deposits import stored_deposits
from persistence.postgres.orders.rows import COLUMNS, CurrentCatalogue, order_of
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.bodies import stored_body

READ = f"""
SELECT {COLUMNS}, EXISTS (SELECT FROM outflows w WHERE w.order_id = orders.id) AS has_outflow
FROM orders WHERE id = $1
"""  # noqa: S608  the columns are a constant of ours

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
), reset AS (
  DELETE FROM emergency_choices c USING moved
  WHERE c.order_id = moved.id AND $3 = 'held' AND $13 = 'NONE'
), enqueued AS (
  INSERT INTO webhook_events
    (id, partner_id, order_id, position, type, dedup_key, body, due_at, created_at)
  SELECT $14::uuid, moved.partner_id, moved.id, moved.version, $15::text, $16::text, $17::bytea,
    $7, $7
  FROM moved JOIN partners p ON p.id = moved.partner_id
  WHERE $14::uuid IS NOT NULL AND moved.deleted_at IS NULL
    AND p.webhook_url IS NOT NULL AND $15::text = ANY (p.webhook_events)
)
SELECT EXISTS (SELECT FROM moved) AS moved
"""  # noqa: S608  the posting is a constant of ours

RESERVE_EXCEEDED = "reserve exceeded"
"""The message of the trigger on `orders` that compares due payouts with the reserve."""

UNACCRUED = f"""
SELECT {COLUMNS} FROM orders
WHERE state = 'completed' AND NOT accrued AND source = ANY ($1::text[])
ORDER BY id LIMIT $2
"""  # noqa: S608  as above

DUE_FOR_EXPIRY = """
SELECT o.id FROM orders o JOIN assets a ON a.code = o.source
LEFT JOIN chains c ON c.network = a.network
WHERE o.state = 'awaiting_deposit' AND o.expires_at <= $1
  AND ((SELECT sandbox FROM operator_settings) OR (
    NOT c.halted AND c.followed_until IS NOT NULL
    AND o.expires_at <= least($1, c.followed_until) - make_interval(secs => $3::float8)))
ORDER BY o.expires_at LIMIT $2
"""

# The arrays force a lookup by id of these few orders, even where the planner has no statistics yet
# of a table that has just grown.
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

PENDING_CHOICES = """
SELECT order_id AS id, choice FROM emergency_choices
WHERE order_id = ANY (ARRAY(SELECT id FROM orders WHERE state = 'held'))
  AND choice = ANY ($1::text[])
ORDER BY chosen_at LIMIT $2
"""


class PostgresSettlementOrderRepository:
    """SettlementOrderRepository in PostgreSQL under settlement's role; the operator reads only."""

    def __init__(self, database: Database, catalogue: CurrentCatalogue) -> None:
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
            *_save_parameters(order, expected_version, event),
            earned is not None,
            *stored_accrual(earned),
        ]
        try:
            row = await self._database.fetch_one(SAVE, parameters)
        except Error as error:
            if "has an outflow" in str(error):
                raise InvalidTransition(f"order {order.id} has an outflow") from error
            if ADDRESS_RELEASED in str(error):
                raise Unavailable(f"order {order.id} no longer has its address") from error
            if RESERVE_EXCEEDED in str(error):
                raise ReserveExceeded(
                    f"the reserve of {order.destination.code} does not cover the payout"
                ) from error
            raise
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

    async def due_for_expiry(
        self, now: datetime, *, margin: timedelta, limit: int
    ) -> Sequence[UUID]:
        """See SettlementOrderRepository."""
        rows = await self._database.fetch(DUE_FOR_EXPIRY, [now, limit, margin.total_seconds()])
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
        """Return the newest orders in one of these states, newest first.

        `late` selects only those with a late deposit.
        """
        sql = LATE if late else RECENT
        rows = await self._database.fetch(sql, [[state.value for state in states], limit])
        return [self._versioned(row) for row in rows]

    def _versioned(self, row: dict[str, Any]) -> VersionedOrder:
        order = order_of(
            row["shown"], self._catalogue().assets, has_outflow=row.get("has_outflow", False)
        )
        return VersionedOrder(order, row["version"])


def _save_parameters(order: Order, expected_version: int, event: Event | None) -> list[Any]:
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
        stored_body(event.body) if event else None,
    ]
