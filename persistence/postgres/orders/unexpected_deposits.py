"""Deposits that no order can use: late, of another asset or order, an excess, and others."""

from collections.abc import Sequence

from domain.actions.operator.deposits import UnexpectedDeposit
from persistence.postgres.pool import Database

IS_UNUSED = "(d.late OR o.state = 'cancelled')"
"""Condition on a deposit and its order; see Order.has_no_use_for."""

UNEXPECTED = f"""
WITH unexpected AS (
  SELECT d.tx_id, d.order_id, CASE WHEN d.late THEN 'late' ELSE 'cancelled order' END AS kind,
    a.network, o.source AS asset, d.amount,
    o.pay_in_address, d.seen_at, d.confirmed_at IS NOT NULL AS confirmed, d.dropped
  FROM deposits d JOIN orders o ON o.id = d.order_id JOIN assets a ON a.code = o.source
  WHERE {IS_UNUSED}
  UNION ALL
  SELECT u.tx_id, u.order_id, CASE WHEN u.order_id IS NULL THEN 'retired address'
    WHEN u.asset = o.source AND EXISTS (
      SELECT FROM pay_in_releases r JOIN pay_in_addresses p ON p.id = r.address_id
      WHERE p.order_id = u.order_id) THEN 'reused address' ELSE 'other asset' END,
    u.network, u.asset, u.amount, u.address, u.seen_at, u.confirmed_at IS NOT NULL, u.dropped
  FROM unclaimed_deposits u LEFT JOIN orders o ON o.id = u.order_id
  UNION ALL
  SELECT DISTINCT p.document ->> 'txId', (p.document ->> 'orderId')::uuid, 'excess',
    p.document ->> 'network', p.document ->> 'asset', (p.document ->> 'amount')::numeric,
    p.document ->> 'payInAddress', min(p.proposed_at) OVER (PARTITION BY p.subject), true, false
  FROM proposals p WHERE p.document ? 'isExcess' AND p.closed_at IS NOT NULL
)
SELECT u.tx_id, u.order_id::text AS order_id, u.kind, u.network, u.asset, u.amount::text AS amount,
  u.pay_in_address, u.seen_at, u.confirmed, p.id::text AS proposal,
  p.approved_at IS NOT NULL AS approved,
  CASE WHEN p.id IS NULL THEN ''
    WHEN w.order_id IS NULL AND EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = p.id
      AND v.resend_requested_at IS NULL) THEN 'voided'
    WHEN u.dropped AND w.order_id IS NULL THEN 'dropped'
    WHEN p.approved_at IS NULL THEN 'proposed'
    WHEN w.order_id IS NULL THEN 'approved' WHEN w.settled_at IS NOT NULL THEN 'settled'
    WHEN w.broadcast_at IS NOT NULL THEN 'broadcast' WHEN w.raw IS NOT NULL THEN 'signed'
    ELSE 'intended' END AS stage,
  coalesce(w.settled_tx_id, w.tx_id) AS refund_tx_id,
  ARRAY(SELECT r.order_id::text
    FROM pay_in_addresses p JOIN pay_in_releases r ON r.address_id = p.id
    WHERE p.order_id = u.order_id ORDER BY r.released_at DESC) AS earlier_orders
FROM unexpected u LEFT JOIN proposals p ON p.withdrawn_at IS NULL AND p.closed_at IS NULL
  AND p.subject = CASE u.kind WHEN 'excess' THEN 'excess:' || u.order_id
    ELSE concat_ws(':', u.tx_id, coalesce(u.order_id::text, u.pay_in_address), u.asset) END
LEFT JOIN outflows w ON w.order_id = p.id
WHERE (NOT u.dropped OR p.id IS NOT NULL)
"""  # noqa: S608  the condition is this module's own constant

NEWEST = f"{UNEXPECTED} ORDER BY u.seen_at DESC LIMIT $1"

OF_TRANSACTION = f"{UNEXPECTED} AND u.tx_id = $1 ORDER BY u.seen_at"


class PostgresUnexpectedDeposits:
    """UnexpectedDeposits over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, *, limit: int) -> Sequence[UnexpectedDeposit]:
        """See UnexpectedDeposits."""
        return [UnexpectedDeposit(**row) for row in await self._database.fetch(NEWEST, [limit])]

    async def of_transaction(self, tx_id: str) -> Sequence[UnexpectedDeposit]:
        """See UnexpectedDeposits."""
        rows = await self._database.fetch(OF_TRANSACTION, [tx_id])
        return [UnexpectedDeposit(**row) for row in rows]
