"""Checks of the ledger: balanced transactions, earnings periods, and stored totals of postings."""

from typing import Final

UNBALANCED = """
SELECT transaction_id || ' ' || currency AS subject, '0' AS expected,
  trim_scale(sum(amount))::text AS found
FROM ledger_postings GROUP BY transaction_id, currency HAVING sum(amount) <> 0 ORDER BY 1
"""

# Each transaction belongs to an order, or to a payout or reset, whose id it carries.
WITHOUT_SOURCE = """
SELECT DISTINCT l.transaction_id::text AS subject, 'an order or an earnings period' AS expected,
  'neither' AS found
FROM ledger_postings l
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = l.transaction_id)
  AND NOT EXISTS (SELECT FROM earnings_periods e WHERE e.id = l.transaction_id)
ORDER BY 1
"""

# Earnings wait for a price, which takes seconds while rates are published.
UNPOSTED = """
SELECT id::text AS subject, 'posted' AS expected, 'unposted since ' || finished_at AS found
FROM orders WHERE state = 'completed' AND NOT accrued AND finished_at < now() - interval '10 min'
ORDER BY id
"""

_PERIOD_POSTINGS = """
SELECT e.id::text AS subject,
  CASE WHEN e.amount_usd > 0 THEN concat(
    CASE e.ended_by WHEN 'payout' THEN 'payouts ' ELSE 'clearings ' END,
    trim_scale(e.amount_usd), ' ', e.partner_id, '; settled_earnings ', trim_scale(-e.amount_usd),
    ' ', e.partner_id) ELSE 'none' END AS expected,
  coalesce(l.found, 'none') AS found
FROM earnings_periods e LEFT JOIN LATERAL (
  SELECT string_agg(concat_ws(' ', account, trim_scale(amount)::text, partner_id,
    nullif(currency, 'USD'), code_id, order_id), '; ' ORDER BY account) AS found
  FROM ledger_postings WHERE transaction_id = e.id
) l ON true
"""

PERIOD_POSTINGS = f"""
SELECT * FROM ({_PERIOD_POSTINGS}) AS periods WHERE expected <> found ORDER BY subject
"""  # noqa: S608  a constant of this module

# Each period starts at the end of the previous one; no more is taken than was earned by its end.
PERIOD_SEQUENCE = """
SELECT id::text AS subject,
  concat_ws(', ', 'number ' || expected_number, 'from ' || expected_start,
    'at most ' || earned || ' taken') AS expected,
  concat_ws(', ', 'number ' || number, 'from ' || period_start, taken || ' taken') AS found
FROM (
  SELECT e.id, e.number, e.period_start, e.total_markup_usd + e.total_base_fee_share_usd AS earned,
    row_number() OVER periods AS expected_number, sum(e.amount_usd) OVER periods AS taken,
    coalesce(lag(e.period_end) OVER periods, p.created_at) AS expected_start,
    coalesce(lag(e.total_markup_usd + e.total_base_fee_share_usd) OVER periods, 0) AS earned_before
  FROM earnings_periods e JOIN partners p ON p.id = e.partner_id
  WINDOW periods AS (PARTITION BY e.partner_id ORDER BY e.number)
) AS numbered
WHERE number <> expected_number OR period_start <> expected_start OR taken > earned
  OR earned < earned_before
ORDER BY id
"""

PARTNER_TOTALS = """
WITH posted AS (
  SELECT partner_id,
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0) AS volume,
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0) AS markup,
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0) AS share,
    coalesce(sum(amount) FILTER (WHERE account = 'payouts'), 0) AS paid,
    coalesce(sum(amount) FILTER (WHERE account = 'clearings'), 0) AS reset
  FROM ledger_postings WHERE partner_id IS NOT NULL AND currency = 'USD' GROUP BY partner_id
), stored AS (
  SELECT partner_id, sum(volume_usd) AS volume, sum(markup_usd) AS markup,
    sum(base_fee_share_usd) AS share, sum(paid_usd) AS paid, sum(reset_usd) AS reset
  FROM partner_totals GROUP BY partner_id
)
SELECT partner_id || ' ' || name AS subject, trim_scale(coalesce(expected, 0))::text AS expected,
  trim_scale(coalesce(found, 0))::text AS found
FROM posted FULL JOIN stored USING (partner_id), LATERAL (VALUES
  ('volume', posted.volume, stored.volume), ('markup', posted.markup, stored.markup),
  ('base fee share', posted.share, stored.share), ('paid', posted.paid, stored.paid),
  ('reset', posted.reset, stored.reset)
) AS sums (name, expected, found)
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY 1
"""

# Orders count up to the id in counted_orders, on the day of their creation; money on the day it was
# posted.
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
), stored AS (
  SELECT partner_id, day, sum(orders) AS orders, sum(completed) AS completed,
    sum(volume_usd) AS volume, sum(markup_usd) AS markup, sum(base_fee_share_usd) AS share
  FROM partner_days GROUP BY 1, 2
)
SELECT concat_ws(' ', partner_id, day, name) AS subject,
  trim_scale(coalesce(expected, 0))::text AS expected, trim_scale(coalesce(found, 0))::text AS found
FROM opened FULL JOIN posted USING (partner_id, day) FULL JOIN stored USING (partner_id, day),
LATERAL (VALUES
  ('orders', opened.orders, stored.orders), ('completed', posted.completed, stored.completed),
  ('volume', posted.volume, stored.volume), ('markup', posted.markup, stored.markup),
  ('base fee share', posted.share, stored.share)
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
), stored AS (
  SELECT code_id, sum(orders) AS orders, sum(volume_usd) AS volume, sum(earnings_usd) AS earnings
  FROM code_totals GROUP BY code_id
)
SELECT c.code || ' ' || name AS subject, trim_scale(coalesce(expected, 0))::text AS expected,
  trim_scale(coalesce(found, 0))::text AS found
FROM codes c LEFT JOIN opened ON opened.code_id = c.id LEFT JOIN posted ON posted.code_id = c.id
  LEFT JOIN stored ON stored.code_id = c.id, LATERAL (VALUES
  ('orders', opened.orders, stored.orders), ('volume', posted.volume, stored.volume),
  ('earnings', posted.earnings, stored.earnings)
) AS sums (name, expected, found)
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY 1
"""

CHECKS: Final = {
    "transaction balance": UNBALANCED,
    "order or period of a transaction": WITHOUT_SOURCE,
    "unposted earnings of an order": UNPOSTED,
    "postings of an earnings period": PERIOD_POSTINGS,
    "sequence of earnings periods": PERIOD_SEQUENCE,
    "partner total": PARTNER_TOTALS,
    "partner balance": OVERPAID,
    "partner day": PARTNER_DAYS,
    "code total": CODE_TOTALS,
}
"""Statements by the label of the difference they find."""
