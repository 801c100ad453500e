"""What a partner's days have brought: kept sums, and the newest orders, which are counted anew."""

from datetime import date
from typing import Final
from uuid import UUID

from domain.ledger.statistics import DayFigures, Figures
from domain.money import USD_DECIMALS, units_from
from persistence.postgres.pool import Database

# The last minutes' orders aren't in the sums yet: see `count_orders` in 0035-partner-days.sql.
DAYS = """
WITH counted AS MATERIALIZED (SELECT up_to FROM counted_orders), newest AS MATERIALIZED (
  SELECT utc_day(created_at) AS day, count(*) AS orders FROM orders
  WHERE (partner_id, id) > ($1::uuid, (SELECT up_to FROM counted))
    AND (partner_id, id) <= ($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
  GROUP BY 1
), kept AS (
  SELECT day, orders, completed, volume_usd, markup_usd + base_fee_share_usd AS earned
  FROM partner_days WHERE partner_id = $1 AND day >= $2::date
  UNION ALL SELECT day, orders, 0, 0, 0 FROM newest WHERE day >= $2::date
)
SELECT day, sum(orders)::bigint AS orders, sum(completed)::bigint AS completed,
  sum(volume_usd)::text AS volume, sum(earned)::text AS earned
FROM kept GROUP BY day ORDER BY day
"""

MAX_COUNTED: Final = 50_000
"""What one call of `count_orders` counts, as in 0035-partner-days.sql."""

COUNT = "SELECT count_orders() AS counted"


async def read_days(database: Database, partner_id: UUID, since: date) -> list[DayFigures]:
    """Return a partner's days from `since` on that have brought anything, oldest first."""
    rows = await database.fetch(DAYS, [partner_id, since])
    return [
        DayFigures(
            row["day"],
            Figures(
                orders=row["orders"],
                completed=row["completed"],
                volume=units_from(row["volume"], USD_DECIMALS),
                earned=units_from(row["earned"], USD_DECIMALS),
            ),
        )
        for row in rows
    ]


async def count_orders(database: Database) -> int:
    """Add orders that are a minute old to the sums, under settlement's role.

    Returns how many, where there may be more: a round of settlement that found none rests a while.
    """
    (row,) = await database.fetch(COUNT)
    counted = int(row["counted"])
    return counted if counted >= MAX_COUNTED else 0
