"""Counts the orders of each network that are to be paid out or refunded, for the metrics."""

from collections.abc import Sequence

from domain.chains.outflows import DueOrders
from persistence.postgres.pool import Database

# An index finds the few orders in these states.
DUE_ORDERS = """
WITH due AS (
  SELECT a.network, count(*) AS orders, min(o.updated_at) AS oldest_at
  FROM orders o JOIN assets a
    ON a.code = CASE o.state WHEN 'paying_out' THEN o.destination ELSE o.source END
  WHERE o.state IN ('paying_out', 'refunding', 'held')
    AND (o.state <> 'held' OR o.choice = 'REFUND')
  GROUP BY a.network
)
SELECT n.name AS network, coalesce(due.orders, 0) AS orders, due.oldest_at
FROM networks n LEFT JOIN due ON due.network = n.name ORDER BY n.name
"""


async def read_due_orders(database: Database) -> Sequence[DueOrders]:
    """Return the number of due orders of every network, by network; raise Unavailable."""
    return [DueOrders(**row) for row in await database.fetch(DUE_ORDERS)]
