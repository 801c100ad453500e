"""Checks of orders: counters, pay-in addresses, deposits and outflows."""

from typing import Final

# What the reserve has promised to open orders.
PROMISED = """
SELECT r.asset AS subject, trim_scale(o.promised)::text AS expected,
  trim_scale(r.promised)::text AS found
FROM reserves r CROSS JOIN LATERAL (
  SELECT coalesce(sum(destination_amount + network_fee), 0) AS promised FROM orders
  WHERE destination = r.asset AND is_open(state)
) o WHERE o.promised <> r.promised ORDER BY 1
"""

# Only today, and only with a cap: other days are not counted.
DAILY_VOLUME = """
SELECT utc_day(now())::text AS subject, trim_scale(o.usd)::text AS expected,
  trim_scale(coalesce(d.usd, 0))::text AS found
FROM operator_settings s LEFT JOIN daily_volume d ON d.day = utc_day(now())
CROSS JOIN LATERAL (
  SELECT coalesce(sum(worth_usd), 0) AS usd FROM orders
  WHERE created_at >= utc_day(now()) AT TIME ZONE 'UTC' AND utc_day(created_at) = utc_day(now())
    AND NOT ended_without_payout(state)
) o WHERE s.daily_cap_usd IS NOT NULL AND o.usd <> coalesce(d.usd, 0)
"""

# Only of what has a cap.
UNPAID = """
WITH expected AS (
  SELECT s.scope, s.key, sum(o.worth_usd) AS usd, count(*) AS orders
  FROM orders o CROSS JOIN LATERAL unpaid_scopes(
    o.partner_id, o.unsigned, unpaid_clients(o.client, o.client_networks)) AS s
  WHERE o.state = 'awaiting_deposit' GROUP BY s.scope, s.key
)
SELECT trim(concat_ws(' ', scope, key)) AS subject,
  trim_scale(coalesce(e.usd, 0)) || ' USD in ' || coalesce(e.orders, 0) AS expected,
  trim_scale(coalesce(t.usd, 0)) || ' USD in ' || coalesce(t.orders, 0) AS found
FROM expected e FULL JOIN (
  SELECT t.* FROM unpaid_totals t
  WHERE EXISTS (SELECT FROM unpaid_caps c WHERE c.scope = t.scope AND c.key IN (t.key, ''))
) AS t USING (scope, key)
WHERE (coalesce(e.usd, 0), coalesce(e.orders, 0)) <> (coalesce(t.usd, 0), coalesce(t.orders, 0))
ORDER BY 1
"""

PAY_IN_ADDRESSES = """
SELECT o.id::text AS subject, concat_ws(' ', o.pay_in_address, o.pay_in_tag) AS expected,
  coalesce(concat_ws(' ', p.address, p.tag), 'none') AS found
FROM orders o LEFT JOIN pay_in_addresses has ON has.order_id = o.id
LEFT JOIN pay_in_releases had ON had.order_id = o.id
LEFT JOIN pay_in_addresses p ON p.id = coalesce(had.address_id, has.id)
WHERE p.id IS NULL OR (p.address, p.tag) IS DISTINCT FROM (o.pay_in_address, o.pay_in_tag)
  OR (had.order_id IS NOT NULL AND has.id IS NOT NULL)
ORDER BY o.id
"""

# Nobody could tell whose deposit it is.
SHARED_ADDRESSES = """
SELECT concat_ws(' ', a.network, o.pay_in_address, o.pay_in_tag) AS subject,
  'one open order' AS expected, string_agg(o.id::text, ' ' ORDER BY o.id) AS found
FROM orders o JOIN assets a ON a.code = o.source
WHERE o.state IN ('awaiting_deposit', 'confirming', 'paying_out', 'held', 'refunding')
GROUP BY a.network, o.pay_in_address, o.pay_in_tag HAVING count(*) > 1 ORDER BY 1
"""

# The time of a release is the database's, like the one that permitted it.
WATCH_PERIODS = """
SELECT e.id::text AS subject,
  'watched until ' || greatest(e.finished_at, e.expires_at) + pay_in_watch_period() AS expected,
  coalesce('given to ' || p.order_id, 'free') AS found
FROM pay_in_releases r JOIN orders e ON e.id = r.order_id
JOIN pay_in_addresses p ON p.id = r.address_id
WHERE r.released_at < greatest(e.finished_at, e.expires_at) + pay_in_watch_period()
ORDER BY e.id
"""

# An index below a used one would derive an address a second time.
NEXT_INDEX = """
SELECT a.network AS subject, 'above ' || max(p.derivation_index) AS expected,
  a.next_index::text AS found
FROM pay_in_accounts a JOIN pay_in_addresses p USING (network)
GROUP BY a.network, a.next_index HAVING max(p.derivation_index) >= a.next_index ORDER BY 1
"""

# What a completed order received was exchanged, or is the excess that its refund is approved for.
DEPOSITS = """
SELECT o.id::text AS subject, trim_scale(due.amount)::text AS expected,
  coalesce(trim_scale(d.amount)::text, 'none') AS found
FROM orders o CROSS JOIN LATERAL (
  SELECT sum(amount) AS amount FROM deposits
  WHERE order_id = o.id AND NOT late AND confirmed_at IS NOT NULL
) d LEFT JOIN proposals p ON p.subject = 'excess:' || o.id
CROSS JOIN LATERAL (
  SELECT o.source_amount + coalesce((p.document ->> 'amount')::numeric, 0) AS amount
) due
WHERE o.state = 'completed' AND d.amount IS DISTINCT FROM due.amount ORDER BY o.id
"""

# Each outflow that was broadcast, and what its order states about it.
_OUTFLOWS = """
SELECT w.order_id::text AS subject,
  concat_ws(' ', CASE WHEN w.kind = 'payout' OR (o.state = 'completed' AND EXISTS (
      SELECT FROM voided_outflows v WHERE v.order_id = o.id AND v.refund_requested_at IS NOT NULL))
    THEN 'completed' ELSE 'refunded' END,
    trim_scale(CASE w.kind WHEN 'payout' THEN o.destination_amount ELSE w.amount END),
    CASE w.kind WHEN 'payout' THEN o.destination ELSE o.source END,
    CASE w.kind WHEN 'payout' THEN o.destination_address ELSE o.refund_address END,
    coalesce(w.settled_tx_id, named.tx_id)) AS expected,
  concat_ws(' ', o.state, trim_scale(w.amount), w.asset, w.address,
    (SELECT coalesce(max(c.tx_id) FILTER (WHERE
       c.tx_id = coalesce(w.settled_tx_id, named.tx_id) AND c.tx_id = named.tx_id),
       'another transaction')
     FROM (SELECT w.tx_id UNION ALL
       SELECT r.tx_id FROM outflow_replacements r WHERE r.order_id = w.order_id) AS c)) AS found
FROM outflows w JOIN orders o ON o.id = w.order_id CROSS JOIN LATERAL (
  SELECT CASE w.kind WHEN 'payout' THEN o.payout_tx_id ELSE o.refund_tx_id END AS tx_id
) AS named WHERE w.broadcast_at IS NOT NULL
  AND (w.void_requested_at IS NULL OR w.settled_at IS NOT NULL)
"""

OUTFLOW_TRANSACTIONS = f"""
SELECT * FROM ({_OUTFLOWS}) AS outflows WHERE expected <> found ORDER BY subject
"""  # noqa: S608  a constant of this module

# Real funds leave by outflows only; a sandbox has none.
MISSING_OUTFLOWS = """
SELECT o.id::text AS subject, 'an outflow' AS expected, 'none' AS found FROM orders o
WHERE o.state IN ('completed', 'refunded') AND NOT (SELECT sandbox FROM operator_settings)
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id AND w.raw IS NOT NULL)
  AND NOT EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = o.id)
ORDER BY o.id
"""

CHECKS: Final = {
    "promised reserve": PROMISED,
    "daily volume": DAILY_VOLUME,
    "unpaid orders": UNPAID,
    "pay-in address of an order": PAY_IN_ADDRESSES,
    "open orders of a pay-in address": SHARED_ADDRESSES,
    "watch period of an order's address": WATCH_PERIODS,
    "next index of a pay-in account": NEXT_INDEX,
    "deposits of an order": DEPOSITS,
    "outflow transaction of an order": OUTFLOW_TRANSACTIONS,
    "missing outflow of an order": MISSING_OUTFLOWS,
}
"""Statements by the label of the difference they find."""
