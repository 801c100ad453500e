"""Holds, releases and cost bounds of single orders, as the operator sets them."""

from decimal import Decimal
from uuid import UUID

from domain.actions.operator.settlement.held_outflows import OutflowAttempt
from domain.text import printable
from persistence.postgres.pool import Database

# Raising the version makes settlement read the order again before it records an intention. One that
# was recorded just before is cancelled by the next statement.
HOLD = """
WITH locked AS (
  UPDATE orders SET version = version + 1
  WHERE id = $1 AND state IN ('paying_out', 'held', 'refunding')
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = $1 AND w.raw IS NOT NULL)
  RETURNING id, state, source, destination
)
INSERT INTO outflow_attempts AS a
  (order_id, network, failures, reason, detail, failing_since, held_at)
SELECT l.id, asset.network, 0, 'operator', $2, now(), now()
FROM locked l JOIN assets asset
  ON asset.code = CASE l.state WHEN 'paying_out' THEN l.destination ELSE l.source END
ON CONFLICT (order_id) DO UPDATE SET reason = EXCLUDED.reason, detail = EXCLUDED.detail,
  next_attempt_at = NULL, held_at = coalesce(a.held_at, EXCLUDED.held_at)
RETURNING order_id
"""

CANCEL = "DELETE FROM outflows WHERE order_id = $1 AND raw IS NULL"

IS_SIGNED = "SELECT EXISTS (SELECT FROM outflows WHERE order_id = $1) AS signed"

RELEASE = "DELETE FROM outflow_attempts WHERE order_id = $1 RETURNING order_id"

RAISE_BOUND = """
WITH bound AS (
  INSERT INTO outflow_cost_bounds (order_id, usd)
  SELECT id, $2::text::numeric FROM orders WHERE id = $1
  UNION ALL
  SELECT id, $2::text::numeric FROM proposals
  WHERE id = $1 AND kind = 'refund_deposit' AND closed_at IS NULL
  ON CONFLICT (order_id) DO UPDATE SET usd = EXCLUDED.usd, set_at = now()
  RETURNING order_id
), released AS (
  DELETE FROM outflow_attempts t USING bound
  WHERE t.order_id = bound.order_id AND t.reason = 'cost_above_bound'
)
SELECT order_id FROM bound
"""

ATTEMPT = """
SELECT t.order_id::text AS order_id, t.network, t.reason, t.detail, t.failures, t.failing_since,
  t.next_attempt_at, t.held_at, b.usd::text AS max_cost_usd
FROM outflow_attempts t LEFT JOIN outflow_cost_bounds b ON b.order_id = t.order_id
WHERE t.order_id = $1
"""


class PostgresHeldOutflowRepository:
    """HeldOutflowRepository over PostgreSQL.

    Holding needs settlement's role, and raising a bound the operator's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, order_id: UUID, *, detail: str) -> bool:
        """See HeldOutflowRepository."""
        parameters = [order_id, printable(detail)]
        if await self._database.fetch_one(HOLD, parameters) is None:
            return False
        await self._database.fetch(CANCEL, [order_id])
        (row,) = await self._database.fetch(IS_SIGNED, [order_id])
        if row["signed"]:  # between the first statement and the second
            await self.release(order_id)
        return not row["signed"]

    async def release(self, order_id: UUID) -> bool:
        """See HeldOutflowRepository."""
        return await self._database.fetch_one(RELEASE, [order_id]) is not None

    async def raise_bound(self, order_id: UUID, usd: Decimal) -> bool:
        """See HeldOutflowRepository."""
        return await self._database.fetch_one(RAISE_BOUND, [order_id, str(usd)]) is not None

    async def attempt(self, order_id: UUID) -> OutflowAttempt | None:
        """See HeldOutflowRepository."""
        row = await self._database.fetch_one(ATTEMPT, [order_id])
        if row is None:
            return None
        bound = row.pop("max_cost_usd")
        return OutflowAttempt(**row, max_cost_usd=None if bound is None else Decimal(bound))
