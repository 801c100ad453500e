"""How fast the pools of pay-in addresses are used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.chains.pool_use import PoolUse
from domain.ids import first_id_at
from persistence.postgres.pool import Database

DAY: Final = timedelta(days=1)
MAX_COUNTED: Final = 100_000
"""Free addresses are counted up to here."""

# Ids of orders begin with the time they were created at.
POOL_USE = """
WITH day AS (
  SELECT a.network, count(*) AS used, count(*) FILTER (
    WHERE EXISTS (SELECT FROM deposits d WHERE d.order_id = o.id)) AS funded
  FROM orders o JOIN assets a ON a.code = o.source WHERE o.id >= $1::text::uuid GROUP BY a.network
)
SELECT a.network, a.kind, a.reuse,
  coalesce(day.used, 0) AS used, coalesce(day.funded, 0) AS funded, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p WHERE p.network = a.network AND p.order_id IS NULL
    ORDER BY p.id + 0 LIMIT $2
  ) AS counted
) AS free
FROM pay_in_accounts a LEFT JOIN day USING (network) ORDER BY a.network
"""


async def read_pool_use(database: Database, *, now: datetime) -> Sequence[PoolUse]:
    """Return the pool of each network, by network; for settlement and the operator."""
    rows = await database.fetch(POOL_USE, [str(first_id_at(now - DAY)), MAX_COUNTED])
    return [
        PoolUse(row["network"], row["kind"], row["free"], row["used"], row["funded"], row["reuse"])
        for row in rows
    ]
