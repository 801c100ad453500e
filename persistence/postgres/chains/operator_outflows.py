"""The operator's view of outflows: switch, daily cap, permits, requested refunds, lists."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psqlpy.exceptions import Error

from domain.actions.operator.outflows import (
    CancelledOutflow,
    FailingOutflow,
    ListedOutflow,
    OutflowSettings,
    OverdueOutflow,
    VoidedOutflow,
)
from persistence.postgres.pool import Database

SETTINGS = """
SELECT enabled, daily_cap_usd::text AS daily_cap_usd,
  coalesce((SELECT usd FROM daily_outflow WHERE day = utc_day(clock_timestamp())), 0)::text
    AS today_usd
FROM outflow_settings
"""

SET_ENABLED = "UPDATE outflow_settings SET enabled = $1"

# Orders above the former cap are attempted again at once.
SET_CAP = """
WITH released AS (DELETE FROM outflow_attempts WHERE reason = 'daily_cap')
UPDATE outflow_settings SET daily_cap_usd = $1::text::numeric
"""

PERMIT = """
WITH permitted AS (
  INSERT INTO outflow_permits (order_id) SELECT id FROM orders WHERE id = $1
  ON CONFLICT (order_id) DO UPDATE SET permitted_at = outflow_permits.permitted_at
  RETURNING order_id
), released AS (
  DELETE FROM outflow_attempts t USING permitted
  WHERE t.order_id = permitted.order_id AND t.reason = 'needs_approval'
)
SELECT order_id FROM permitted
"""

# A partner's other choice is overruled only on request.
REQUEST_REFUND = """
UPDATE orders SET choice = 'REFUND', version = version + 1, updated_at = now()
WHERE id = $1 AND state = 'held' AND ($2 OR NOT EXISTS (
  SELECT FROM emergency_choices c WHERE c.order_id = orders.id AND c.choice <> 'REFUND'))
RETURNING id
"""

# An order that is failing or on hold may have no outflow: what is due then is the order's.
NEWEST = """
SELECT coalesce(w.order_id, t.order_id)::text AS order_id, coalesce(w.kind, due.kind) AS kind,
  coalesce(w.network, t.network) AS network, coalesce(w.asset, due.asset) AS asset,
  coalesce(w.address, due.address) AS address, coalesce(w.amount, due.amount)::text AS amount,
  w.nonce, w.tx_id, (SELECT coalesce(array_agg(r.tx_id ORDER BY r.number), '{}')
    FROM outflow_replacements r WHERE r.order_id = w.order_id) AS replaced_by,
  w.intended_at, w.signed_at, w.broadcast_at, w.settled_at, w.settled_tx_id,
  w.fee::text AS fee, w.fee_paid::text AS fee_paid, t.reason, t.detail, t.failures,
  t.failing_since, t.next_attempt_at, t.held_at
FROM outflows w FULL JOIN outflow_attempts t ON t.order_id = w.order_id
LEFT JOIN (
  SELECT id, 'payout' AS kind, destination AS asset, destination_address AS address,
    destination_amount AS amount
  FROM orders WHERE state IN ('paying_out', 'completed')
  UNION ALL
  SELECT id, 'refund', source, refund_address, source_amount
  FROM orders WHERE state NOT IN ('paying_out', 'completed')
) AS due ON due.id = t.order_id
ORDER BY t.order_id IS NULL, coalesce(t.failing_since, w.intended_at) DESC LIMIT $1
"""

FAILING = """
SELECT order_id::text AS order_id, network, reason, detail, held_at IS NOT NULL AS is_held
FROM outflow_attempts WHERE held_at IS NOT NULL OR failing_since < $1
ORDER BY failing_since, order_id
"""

CANCELLED = """
SELECT order_id::text AS order_id, kind, network, asset, address, amount::text AS amount, nonce,
  intended_at, cancelled_at
FROM cancelled_outflows ORDER BY cancelled_at DESC LIMIT $1
"""

VOIDED = """
SELECT order_id::text AS order_id, kind, network, asset, address, amount::text AS amount, nonce,
  tx_ids, mined_tx_id, void_requested_at, voided_at, resend_requested_at,
  refund_requested_at, closed_at
FROM voided_outflows ORDER BY voided_at DESC LIMIT $1
"""

REQUEST_VOID = """
UPDATE outflows SET void_requested_at = coalesce(void_requested_at, clock_timestamp())
WHERE order_id = $1 AND raw IS NOT NULL AND settled_at IS NULL RETURNING order_id
"""

_NEWEST_VOIDED = """
SELECT v.intention FROM voided_outflows v LEFT JOIN orders o ON o.id = v.order_id
WHERE v.order_id = $1 AND (v.kind = 'deposit_refund' OR (v.kind, o.state) IN (
    ('payout', 'paying_out'), ('payout', 'completed'), ('refund', 'completed'),
    ('refund', 'refunded')))
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = v.order_id)
ORDER BY v.intention DESC LIMIT 1
"""


def _decide(column: str, *, condition: str = "true") -> str:
    """Return the statement that decides what follows the newest voided outflow of an order.

    A refund that was never recorded is back on hold: it is chosen again rather than sent again. The
    order is attempted at once, unless the operator has put it on hold.
    """
    return f"""
WITH decided AS (
  UPDATE voided_outflows v SET {column} = clock_timestamp()
  WHERE v.intention = ({_NEWEST_VOIDED}) AND {condition}
    AND num_nonnulls(v.resend_requested_at, v.refund_requested_at, v.closed_at) = 0
  RETURNING v.order_id
), attempts AS (
  DELETE FROM outflow_attempts t USING decided d
  WHERE t.order_id = d.order_id AND t.reason <> 'operator'
)
SELECT order_id FROM decided
"""  # noqa: S608  columns and conditions of this module


REQUEST_RESEND = _decide("resend_requested_at")

REQUEST_REFUND_OF_VOIDED = _decide(
    "refund_requested_at",
    condition="""v.kind = 'payout'
    AND EXISTS (SELECT FROM orders o WHERE o.id = v.order_id AND o.state = 'completed')""",
)

CLOSE = _decide(
    "closed_at",
    condition="""NOT EXISTS (
      SELECT FROM orders o WHERE o.id = v.order_id AND o.state = 'paying_out')""",
)

# The operator decides about a voided one by the statement before.
CLOSE_REFUND = """
WITH closed AS (
  UPDATE proposals p SET closed_at = now()
  WHERE p.id = $1 AND p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL
    AND p.closed_at IS NULL
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = p.id)
    AND NOT EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = p.id
      AND num_nonnulls(v.resend_requested_at, v.closed_at) = 0)
  RETURNING p.id
), attempts AS (
  DELETE FROM outflow_attempts t USING closed WHERE t.order_id = closed.id
)
SELECT id FROM closed
"""

DECIDED = "decided once"
"""In the message of the trigger on proposals that have been decided in the meantime."""

# Due for long and not on its chain: not started, not broadcast, or in no block.
OVERDUE = """
SELECT id::text AS order_id, coalesce(w.network, a.network) AS network
FROM orders o JOIN assets a ON a.code = o.destination
LEFT JOIN outflows w ON w.order_id = o.id
WHERE o.state = 'paying_out' AND o.updated_at < $1 AND NOT (SELECT sandbox FROM operator_settings)
UNION ALL
SELECT order_id::text, network FROM outflows
WHERE settled_at IS NULL AND intended_at < $1
  AND order_id NOT IN (SELECT id FROM orders WHERE state = 'paying_out')
UNION ALL
SELECT v.order_id::text, v.network FROM voided_outflows v LEFT JOIN orders o ON o.id = v.order_id
WHERE v.closed_at IS NULL AND v.intended_at < $1
  AND (v.kind = 'deposit_refund' OR o.state IN ('completed', 'refunded'))
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = v.order_id)
  AND NOT EXISTS (SELECT FROM voided_outflows other
    WHERE other.order_id = v.order_id AND other.intention > v.intention)
ORDER BY 1
"""


class PostgresOperatorOutflowRepository:
    """OperatorOutflowRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self) -> OutflowSettings:
        """See OperatorOutflowRepository."""
        (row,) = await self._database.fetch(SETTINGS)
        cap = row["daily_cap_usd"]
        return OutflowSettings(
            enabled=row["enabled"],
            daily_cap_usd=None if cap is None else Decimal(cap),
            today_usd=Decimal(row["today_usd"]),
        )

    async def set_enabled(self, *, enabled: bool) -> None:
        """See OperatorOutflowRepository."""
        await self._database.fetch(SET_ENABLED, [enabled])

    async def set_daily_cap(self, usd: Decimal | None) -> None:
        """See OperatorOutflowRepository."""
        await self._database.fetch(SET_CAP, [None if usd is None else str(usd)])

    async def newest(self, *, limit: int) -> Sequence[ListedOutflow]:
        """See OperatorOutflowRepository."""
        return [ListedOutflow(**row) for row in await self._database.fetch(NEWEST, [limit])]

    async def cancelled(self, *, limit: int) -> Sequence[CancelledOutflow]:
        """See OperatorOutflowRepository."""
        return [CancelledOutflow(**row) for row in await self._database.fetch(CANCELLED, [limit])]

    async def voided(self, *, limit: int) -> Sequence[VoidedOutflow]:
        """See OperatorOutflowRepository."""
        return [VoidedOutflow(**row) for row in await self._database.fetch(VOIDED, [limit])]

    async def request_void(self, order_id: UUID) -> bool:
        """See OperatorOutflowRepository."""
        return await self._database.fetch_one(REQUEST_VOID, [order_id]) is not None

    async def request_resend(self, order_id: UUID) -> bool:
        """See OperatorOutflowRepository."""
        return await self._database.fetch_one(REQUEST_RESEND, [order_id]) is not None

    async def request_refund_of_voided(self, order_id: UUID) -> bool:
        """See OperatorOutflowRepository."""
        return await self._database.fetch_one(REQUEST_REFUND_OF_VOIDED, [order_id]) is not None

    async def close(self, outflow_id: UUID) -> bool:
        """See OperatorOutflowRepository."""
        try:
            for statement in (CLOSE, CLOSE_REFUND):
                if await self._database.fetch_one(statement, [outflow_id]) is not None:
                    return True
        except Error as error:
            if DECIDED in str(error):
                return False  # settlement recorded its outflow at the same moment
            raise
        return False

    async def overdue(self, before: datetime) -> Sequence[OverdueOutflow]:
        """See OperatorOutflowRepository."""
        return [OverdueOutflow(**row) for row in await self._database.fetch(OVERDUE, [before])]

    async def failing(self, since: datetime) -> Sequence[FailingOutflow]:
        """See OperatorOutflowRepository."""
        return [FailingOutflow(**row) for row in await self._database.fetch(FAILING, [since])]

    async def permit(self, order_id: UUID) -> bool:
        """See OperatorOutflowRepository."""
        return await self._database.fetch_one(PERMIT, [order_id]) is not None

    async def request_refund(self, order_id: UUID, *, overrule: bool) -> bool:
        """See OperatorOutflowRepository."""
        return await self._database.fetch_one(REQUEST_REFUND, [order_id, overrule]) is not None
