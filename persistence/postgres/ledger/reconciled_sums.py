"""What `swapgate reconcile` compares by SQL alone: sums with what they are sums of, and links.

Each statement returns `subject`, `expected` and `found` as text, and nothing where all is well.
"""

from typing import Final

UNBALANCED = """
SELECT transaction_id || ' ' || currency AS subject, '0' AS expected,
  trim_scale(sum(amount))::text AS found
FROM ledger_postings GROUP BY transaction_id, currency HAVING sum(amount) <> 0 ORDER BY 1
"""

OF_NOTHING = """
SELECT DISTINCT l.transaction_id::text AS subject, 'an order or a closing' AS expected,
  'neither' AS found
FROM ledger_postings l
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = l.transaction_id)
  AND NOT EXISTS (SELECT FROM earnings_periods c WHERE c.id = l.transaction_id)
ORDER BY 1
"""

# Earnings wait for a price, seconds at most while there are rates.
UNACCRUED = """
SELECT id::text AS subject, 'posted' AS expected, 'not since ' || finished_at AS found
FROM orders WHERE state = 'completed' AND NOT accrued AND finished_at < now() - interval '10 min'
ORDER BY id
"""

CLOSINGS = """
SELECT c.id::text AS subject,
  CASE WHEN c.amount_usd > 0 THEN concat(
    CASE c.ended_by WHEN 'payout' THEN 'payouts ' ELSE 'clearings ' END,
    trim_scale(c.amount_usd), ' ', c.partner_id, '; settled_earnings ', trim_scale(-c.amount_usd),
    ' ', c.partner_id) ELSE 'none' END AS expected,
  coalesce(l.found, 'none') AS found
FROM earnings_periods c LEFT JOIN LATERAL (
  SELECT string_agg(concat_ws(' ', account, trim_scale(amount)::text, partner_id,
    nullif(currency, 'USD'), code_id, order_id), '; ' ORDER BY account) AS found
  FROM ledger_postings WHERE transaction_id = c.id
) l ON true
"""

CLOSED_POSTINGS = f"""
SELECT * FROM ({CLOSINGS}) AS closings WHERE expected <> found ORDER BY subject
"""  # noqa: S608  a constant of ours

# Each begins where the one before ended, and takes no more than was earned by then.
CLOSING_CHAIN = """
SELECT id::text AS subject,
  concat_ws(', ', 'number ' || place, 'from ' || began, 'at most ' || earned || ' taken')
    AS expected,
  concat_ws(', ', 'number ' || number, 'from ' || period_start, taken || ' taken') AS found
FROM (
  SELECT c.id, c.number, c.period_start, c.total_markup_usd + c.total_base_fee_share_usd AS earned,
    row_number() OVER chain AS place, sum(c.amount_usd) OVER chain AS taken,
    coalesce(lag(c.period_end) OVER chain, p.created_at) AS began,
    coalesce(lag(c.total_markup_usd + c.total_base_fee_share_usd) OVER chain, 0) AS earned_before
  FROM earnings_periods c JOIN partners p ON p.id = c.partner_id
  WINDOW chain AS (PARTITION BY c.partner_id ORDER BY c.number)
) AS chained
WHERE number <> place OR period_start <> began OR taken > earned OR earned < earned_before
ORDER BY id
"""

PARTNER_TOTALS = """
WITH posted AS (
  SELECT partner_id,
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0) AS volume,
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0) AS markup,
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0) AS share,
    coalesce(sum(amount) FILTER (WHERE account = 'payouts'), 0) AS paid,
    coalesce(sum(amount) FILTER (WHERE account = 'clearings'), 0) AS cleared
  FROM ledger_postings WHERE partner_id IS NOT NULL AND currency = 'USD' GROUP BY partner_id
), kept AS (
  SELECT partner_id, sum(volume_usd) AS volume, sum(markup_usd) AS markup,
    sum(base_fee_share_usd) AS share, sum(paid_usd) AS paid, sum(reset_usd) AS cleared
  FROM partner_totals GROUP BY partner_id
)
SELECT partner_id || ' ' || name AS subject, trim_scale(coalesce(expected, 0))::text AS expected,
  trim_scale(coalesce(found, 0))::text AS found
FROM posted FULL JOIN kept USING (partner_id), LATERAL (VALUES
  ('volume', posted.volume, kept.volume), ('markup', posted.markup, kept.markup),
  ('base fee share', posted.share, kept.share), ('paid', posted.paid, kept.paid),
  ('cleared', posted.cleared, kept.cleared)
) AS sums (name, expected, found)
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY 1
"""

# Orders are counted by their ids up to where counting has come; money on the day it was posted.
PARTNER_DAYS = """
WITH opened AS (
  SELECT partner_id, utc_day(created_at) AS day, count(*)::numeric AS orders FROM orders
  WHERE id <= (SELECT up_to FROM counted_orders) GROUP BY 1, 2
), posted AS (
  SELECT partner_id, utc_day(created_at) AS day,
    count(*) FILTER (WHERE account = 'customer_deposits')::numeric AS completed,
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0) AS volume,
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0) AS markup,
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0) AS share
  FROM ledger_postings WHERE partner_id IS NOT NULL AND currency = 'USD' GROUP BY 1, 2
), kept AS (
  SELECT partner_id, day, sum(orders) AS orders, sum(completed) AS completed,
    sum(volume_usd) AS volume, sum(markup_usd) AS markup, sum(base_fee_share_usd) AS share
  FROM partner_days GROUP BY 1, 2
)
SELECT concat_ws(' ', partner_id, day, name) AS subject,
  trim_scale(coalesce(expected, 0))::text AS expected, trim_scale(coalesce(found, 0))::text AS found
FROM opened FULL JOIN posted USING (partner_id, day) FULL JOIN kept USING (partner_id, day),
LATERAL (VALUES
  ('orders', opened.orders, kept.orders), ('completed', posted.completed, kept.completed),
  ('volume', posted.volume, kept.volume), ('markup', posted.markup, kept.markup),
  ('base fee share', posted.share, kept.share)
) AS sums (name, expected, found)
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY 1
"""

OVERPAID = """
SELECT partner_id::text AS subject, '0 or more owed' AS expected,
  trim_scale(sum(amount))::text AS found
FROM ledger_postings
WHERE account IN ('markup', 'base_fee_share', 'settled_earnings') AND partner_id IS NOT NULL
GROUP BY partner_id, currency HAVING sum(amount) < 0 ORDER BY 1
"""

CODE_TOTALS = """
WITH opened AS (
  SELECT code_id, count(*)::numeric AS orders FROM orders WHERE code_id IS NOT NULL GROUP BY code_id
), posted AS (
  SELECT code_id,
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0) AS volume,
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0) AS earnings
  FROM ledger_postings WHERE code_id IS NOT NULL AND currency = 'USD' GROUP BY code_id
), kept AS (
  SELECT code_id, sum(orders) AS orders, sum(volume_usd) AS volume, sum(earnings_usd) AS earnings
  FROM code_totals GROUP BY code_id
)
SELECT c.code || ' ' || name AS subject, trim_scale(coalesce(expected, 0))::text AS expected,
  trim_scale(coalesce(found, 0))::text AS found
FROM codes c LEFT JOIN opened ON opened.code_id = c.id LEFT JOIN posted ON posted.code_id = c.id
  LEFT JOIN kept ON kept.code_id = c.id, LATERAL (VALUES
  ('orders', opened.orders, kept.orders), ('volume', posted.volume, kept.volume),
  ('earnings', posted.earnings, kept.earnings)
) AS sums (name, expected, found)
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY 1
"""

PROMISED = """
SELECT r.asset AS subject, trim_scale(o.promised)::text AS expected,
  trim_scale(r.promised)::text AS found
FROM reserves r CROSS JOIN LATERAL (
  SELECT coalesce(sum(destination_amount + network_fee), 0) AS promised FROM orders
  WHERE destination = r.asset AND is_open(state)
) o WHERE o.promised <> r.promised ORDER BY 1
"""

# Of today, where there is a cap: a day without one isn't counted.
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

ADDRESSES = """
SELECT o.id::text AS subject, concat_ws(' ', o.pay_in_address, o.pay_in_tag) AS expected,
  coalesce(concat_ws(' ', p.address, p.tag), 'none') AS found
FROM orders o LEFT JOIN pay_in_addresses p ON p.order_id = o.id
WHERE p.id IS NULL OR (p.address, p.tag) IS DISTINCT FROM (o.pay_in_address, o.pay_in_tag)
ORDER BY o.id
"""

NEXT_INDEX = """
SELECT a.network AS subject, 'above ' || max(p.derivation_index) AS expected,
  a.next_index::text AS found
FROM pay_in_accounts a JOIN pay_in_addresses p USING (network)
GROUP BY a.network, a.next_index HAVING max(p.derivation_index) >= a.next_index ORDER BY 1
"""

PAID_IN = """
SELECT o.id::text AS subject, trim_scale(o.source_amount)::text AS expected,
  coalesce(trim_scale(d.amount)::text, 'none') AS found
FROM orders o CROSS JOIN LATERAL (
  SELECT sum(amount) AS amount FROM deposits
  WHERE order_id = o.id AND NOT late AND confirmed_at IS NOT NULL
) d WHERE o.state = 'completed' AND d.amount IS DISTINCT FROM o.source_amount ORDER BY o.id
"""

# What was broadcast for an order on a chain, beside what the order says of it.
SENT = """
SELECT w.order_id::text AS subject,
  concat_ws(' ', CASE w.kind WHEN 'payout' THEN 'completed' ELSE 'refunded' END,
    trim_scale(CASE w.kind WHEN 'payout' THEN o.destination_amount ELSE w.amount END),
    CASE w.kind WHEN 'payout' THEN o.destination ELSE o.source END,
    CASE w.kind WHEN 'payout' THEN o.destination_address ELSE o.refund_address END,
    coalesce(w.settled_tx_id, o.payout_tx_id, o.refund_tx_id)) AS expected,
  concat_ws(' ', o.state, trim_scale(w.amount), w.asset, w.address,
    (SELECT coalesce(max(c.tx_id) FILTER (WHERE
       c.tx_id = coalesce(w.settled_tx_id, o.payout_tx_id, o.refund_tx_id)
       AND c.tx_id = coalesce(o.payout_tx_id, o.refund_tx_id)), 'another transaction')
     FROM (SELECT w.tx_id UNION ALL
       SELECT r.tx_id FROM outflow_replacements r WHERE r.order_id = w.order_id) AS c)) AS found
FROM outflows w JOIN orders o ON o.id = w.order_id WHERE w.broadcast_at IS NOT NULL
"""

SENT_DIFFERENTLY = f"""
SELECT * FROM ({SENT}) AS sent WHERE expected <> found ORDER BY subject
"""  # noqa: S608  a constant of ours

# Real money leaves by outflows alone; in a sandbox there are none.
UNSENT = """
SELECT o.id::text AS subject, 'an outflow' AS expected, 'none' AS found FROM orders o
WHERE o.state IN ('completed', 'refunded') AND NOT (SELECT sandbox FROM operator_settings)
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id AND w.raw IS NOT NULL)
ORDER BY o.id
"""

EVENT_COUNTS = """
SELECT o.id::text AS subject, o.events::text AS expected, count(e.id)::text AS found
FROM orders o LEFT JOIN webhook_events e ON e.order_id = o.id
GROUP BY o.id HAVING o.events <> count(e.id) ORDER BY o.id
"""

EVENT_OWNERS = """
SELECT e.id::text AS subject, o.partner_id::text AS expected, e.partner_id::text AS found
FROM webhook_events e JOIN orders o ON o.id = e.order_id
WHERE e.partner_id <> o.partner_id ORDER BY e.id
"""

EVENT_POSITIONS = """
SELECT e.id::text AS subject, 'at most ' || o.version AS expected, e.position::text AS found
FROM webhook_events e JOIN orders o ON o.id = e.order_id WHERE e.position > o.version ORDER BY e.id
"""

CLOSING_EVENTS = """
SELECT c.id::text AS subject, c.event_id::text AS expected,
  coalesce(concat_ws(' ', e.type, e.partner_id), 'none') AS found
FROM earnings_periods c LEFT JOIN webhook_events e ON e.id = c.event_id
WHERE c.event_id IS NOT NULL AND (e.partner_id, e.type) IS DISTINCT FROM (c.partner_id,
  CASE c.ended_by WHEN 'payout' THEN 'partner.paid_out' ELSE 'earnings.cleared' END)
ORDER BY c.id
"""

EVENTS_OF_NOTHING = """
SELECT e.id::text AS subject, 'a closing' AS expected, 'none' AS found FROM webhook_events e
WHERE e.type IN ('partner.paid_out', 'earnings.cleared')
  AND NOT EXISTS (SELECT FROM earnings_periods c WHERE c.event_id = e.id)
ORDER BY e.id
"""

UNPROVEN = """
SELECT e.id::text AS subject, 'an attempt that was taken' AS expected, 'none' AS found
FROM webhook_events e WHERE e.status = 'delivered' AND NOT EXISTS (
  SELECT FROM webhook_attempts a
  WHERE a.event_id = e.id AND a.error IS NULL AND a.http_status BETWEEN 200 AND 299)
ORDER BY e.id
"""

ENDS = """
SELECT id::text AS subject,
  CASE WHEN status IN ('delivered', 'dead') THEN 'an end' ELSE 'no end' END AS expected,
  coalesce(finished_at::text, 'no end') AS found
FROM webhook_events
WHERE (status IN ('delivered', 'dead')) <> (finished_at IS NOT NULL) ORDER BY id
"""

CHECKS: Final = {
    "sum of a transaction": UNBALANCED,
    "cause of a transaction": OF_NOTHING,
    "earnings of an order": UNACCRUED,
    "postings of a closing": CLOSED_POSTINGS,
    "chain of closings": CLOSING_CHAIN,
    "total of a partner": PARTNER_TOTALS,
    "owed to a partner": OVERPAID,
    "day of a partner": PARTNER_DAYS,
    "total of a code": CODE_TOTALS,
    "promised of a reserve": PROMISED,
    "volume of a day": DAILY_VOLUME,
    "pay-in address of an order": ADDRESSES,
    "next index of an account": NEXT_INDEX,
    "deposits of an order": PAID_IN,
    "transaction of an order": SENT_DIFFERENTLY,
    "outflow of an order": UNSENT,
    "number of an order's events": EVENT_COUNTS,
    "partner of an event": EVENT_OWNERS,
    "position of an event": EVENT_POSITIONS,
    "event of a closing": CLOSING_EVENTS,
    "closing of an event": EVENTS_OF_NOTHING,
    "proof of a delivery": UNPROVEN,
    "end of an event": ENDS,
}
"""What is compared, by the name it is told under."""
