"""Daily figures of partners: stored sums, plus the newest orders, which are counted on reading."""

from datetime import date
from typing import Final
from uuid import UUID

from domain.ledger.statistics import DayFigures, Figures
from domain.money import USD_DECIMALS, units_from
from persistence.postgres.pool import Database

# Orders of the last minutes are not in the sums yet: see `count_orders` in 0035-partner-days.sql.
DAYS = """
WITH counted AS MATERIALIZED (SELECT up_to FROM counted_orders), newest AS MATERIALIZED (
  SELECT utc_day(created_at) AS day, count(*) AS orders FROM orders
  WHERE (partner_id, id) > ($1::uuid, (SELECT up_to FROM counted))
    AND (partner_id, id) <= ($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
  GROUP BY 1
), figures AS (
  SELECT day, orders, completed, volume_usd, markup_usd + base_fee_share_usd AS earned
  FROM partner_days WHERE partner_id = $1 AND day >= $2::date
  UNION ALL SELECT day, orders, 0, 0, 0 FROM newest WHERE day >= $2::date
)
SELECT day, sum(orders)::bigint AS orders, sum(completed)::bigint AS completed,
  sum(volume_usd)::text AS volume, sum(earned)::text AS earned
FROM figures GROUP BY day ORDER BY day
"""

MAX_COUNTED: Final = 50_000
"""Limit of one call of `count_orders`, as in 0035-partner-days.sql."""

COUNT = "SELECT count_orders() AS counted"


async def read_days(database: Database, partner_id: UUID, since: date) -> list[DayFigures]:
    """Return a partner's days with any figures, starting at `since`, oldest first."""
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
    """Add orders older than a minute to the sums, under settlement's role.

    Returns the number if there may be more, else 0, so that the settlement loop pauses.
    """
    (row,) = await database.fetch(COUNT)
    counted = int(row["counted"])
    return counted if counted >= MAX_COUNTED else 0
