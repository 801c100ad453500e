"""Checks of what settlement sent beside orders: refunds of deposits, and the sum of the day."""

from typing import Final

from persistence.postgres.orders.unexpected_deposits import IS_UNUSED

# Each refund of an unexpected deposit that was intended, as its proposal was approved.
APPROVED_REFUNDS = """
WITH sent AS (
  SELECT order_id, network, asset, address, tag, amount FROM outflows WHERE kind = 'deposit_refund'
  UNION ALL
  SELECT order_id, network, asset, address, NULL, amount FROM voided_outflows
  WHERE kind = 'deposit_refund'
)
SELECT * FROM (
  SELECT s.order_id::text AS subject,
    coalesce(concat_ws(' ', 'less than', trim_scale((p.document ->> 'amount')::numeric),
      p.document ->> 'asset', 'on', p.document ->> 'network', 'to', p.document ->> 'address'),
      'nothing: no proposal is approved') AS expected,
    concat_ws(' ', CASE WHEN s.amount < (p.document ->> 'amount')::numeric
        THEN concat('less than ', trim_scale((p.document ->> 'amount')::numeric))
        ELSE trim_scale(s.amount)::text END,
      s.asset, 'on', s.network, 'to', s.address) AS found
  FROM sent s LEFT JOIN proposals p
    ON p.id = s.order_id AND p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL
) AS refunds WHERE expected <> found ORDER BY subject
"""

# What was sent back was received: as a deposit that its order cannot use, as one of another asset,
# or beyond what an order was priced for.
REFUNDED_DEPOSITS = f"""
SELECT * FROM (
  SELECT p.id::text AS subject,
    concat_ws(' ', trim_scale((p.document ->> 'amount')::numeric), p.document ->> 'asset')
      AS expected,
    coalesce((
      SELECT concat_ws(' ', trim_scale(d.amount), o.source)
      FROM deposits d JOIN orders o ON o.id = d.order_id
      WHERE d.tx_id = p.document ->> 'txId' AND d.order_id::text = p.document ->> 'orderId'
        AND {IS_UNUSED} AND o.source = p.document ->> 'asset'
    ), (
      SELECT concat_ws(' ', trim_scale(u.amount), u.asset) FROM unclaimed_deposits u
      WHERE u.tx_id = p.document ->> 'txId' AND u.address = p.document ->> 'payInAddress'
        AND u.asset = p.document ->> 'asset' LIMIT 1
    ), (
      SELECT concat_ws(' ', trim_scale(sum(d.amount) - o.source_amount), o.source)
      FROM orders o JOIN deposits d ON d.order_id = o.id AND NOT d.late AND NOT d.dropped
      WHERE o.id::text = p.document ->> 'orderId' AND (p.document ->> 'isExcess')::boolean
      GROUP BY o.id
    ), 'none') AS found
  FROM proposals p JOIN outflows w ON w.order_id = p.id AND w.kind = 'deposit_refund'
  WHERE w.broadcast_at IS NOT NULL
) AS refunded WHERE expected <> found ORDER BY subject
"""  # noqa: S608  the condition is a constant

# Each deposit is sent back once: by one proposal that is not closed.
REFUNDED_TWICE = """
SELECT p.subject, '1 refund' AS expected, count(*) || ' refunds' AS found
FROM proposals p JOIN outflows w ON w.order_id = p.id AND w.kind = 'deposit_refund'
GROUP BY p.subject HAVING count(*) > 1 ORDER BY 1
"""

# Only today, and only while it is known what each voided outflow still counts.
DAILY_OUTFLOW = """
SELECT today.day::text AS subject, trim_scale(o.usd)::text AS expected,
  trim_scale(coalesce(d.usd, 0))::text AS found
FROM (SELECT utc_day(now()) AS day) AS today
LEFT JOIN daily_outflow d ON d.day = today.day
CROSS JOIN LATERAL (
  SELECT coalesce(sum(usd), 0) AS usd, coalesce(bool_or(usd IS NULL), false) AS unknown FROM (
    SELECT usd, intended_at FROM outflows UNION ALL SELECT usd, intended_at FROM voided_outflows
  ) AS sent WHERE utc_day(intended_at) = today.day
) AS o WHERE NOT o.unknown AND o.usd <> coalesce(d.usd, 0)
"""

CHECKS: Final = {
    "refund of a deposit as approved": APPROVED_REFUNDS,
    "deposit that was refunded": REFUNDED_DEPOSITS,
    "refunds of a deposit": REFUNDED_TWICE,
    "daily outflow": DAILY_OUTFLOW,
}
"""Statements by the label of the difference they find."""
