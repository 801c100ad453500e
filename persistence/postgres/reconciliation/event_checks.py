"""Checks of webhook events: their order, partner, earnings period and delivery."""

from typing import Final

from persistence.postgres.webhooks.events import IS_TEST

# An order that is older than what is archived may have archived events.
ARCHIVED_UNTIL: Final = """
coalesce((SELECT ends FROM archived_partitions WHERE parent = 'webhook_events'
  ORDER BY ends DESC LIMIT 1), '00000000-0000-0000-0000-000000000000')
"""

EVENT_COUNTS = f"""
SELECT o.id::text AS subject, o.events::text AS expected, count(e.id)::text AS found
FROM orders o LEFT JOIN webhook_events e ON e.order_id = o.id
WHERE o.id >= {ARCHIVED_UNTIL}
GROUP BY o.id HAVING o.events <> count(e.id) ORDER BY o.id
"""  # noqa: S608  a constant of ours

EVENT_PARTNERS = """
SELECT e.id::text AS subject, o.partner_id::text AS expected, e.partner_id::text AS found
FROM webhook_events e JOIN orders o ON o.id = e.order_id
WHERE e.partner_id <> o.partner_id ORDER BY e.id
"""

EVENT_POSITIONS = """
SELECT e.id::text AS subject, 'at most ' || o.version AS expected, e.position::text AS found
FROM webhook_events e JOIN orders o ON o.id = e.order_id WHERE e.position > o.version ORDER BY e.id
"""

PERIOD_EVENTS = f"""
SELECT p.id::text AS subject, p.event_id::text AS expected,
  coalesce(concat_ws(' ', e.type, e.partner_id), 'none') AS found
FROM earnings_periods p LEFT JOIN webhook_events e ON e.id = p.event_id
WHERE p.event_id >= {ARCHIVED_UNTIL} AND (e.partner_id, e.type) IS DISTINCT FROM (p.partner_id,
  CASE p.ended_by WHEN 'payout' THEN 'partner.paid_out' ELSE 'earnings.cleared' END)
ORDER BY p.id
"""  # noqa: S608  as above

EVENTS_WITHOUT_PERIOD = f"""
SELECT e.id::text AS subject, 'an earnings period' AS expected, 'none' AS found
FROM webhook_events e WHERE e.type IN ('partner.paid_out', 'earnings.cleared')
  AND NOT {IS_TEST} AND NOT EXISTS (SELECT FROM earnings_periods p WHERE p.event_id = e.id)
ORDER BY e.id
"""  # noqa: S608  a constant of ours

DELIVERIES_WITHOUT_ATTEMPT = """
SELECT e.id::text AS subject, 'a successful attempt' AS expected, 'none' AS found
FROM webhook_events e WHERE e.status = 'delivered' AND NOT EXISTS (
  SELECT FROM webhook_attempts a
  WHERE a.event_id = e.id AND a.error IS NULL AND a.http_status BETWEEN 200 AND 299)
ORDER BY e.id
"""

FINISH_TIMES = """
SELECT id::text AS subject,
  CASE WHEN status IN ('delivered', 'dead') THEN 'finished' ELSE 'unfinished' END AS expected,
  coalesce(finished_at::text, 'unfinished') AS found
FROM webhook_events
WHERE (status IN ('delivered', 'dead')) <> (finished_at IS NOT NULL) ORDER BY id
"""

CHECKS: Final = {
    "number of events of an order": EVENT_COUNTS,
    "partner of an event": EVENT_PARTNERS,
    "position of an event": EVENT_POSITIONS,
    "event of an earnings period": PERIOD_EVENTS,
    "earnings period of an event": EVENTS_WITHOUT_PERIOD,
    "successful attempt of a delivered event": DELIVERIES_WITHOUT_ATTEMPT,
    "finish time of an event": FINISH_TIMES,
}
"""Statements by the label of the difference they find."""
