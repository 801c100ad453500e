"""Storage of the postings of completed orders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.ledger.postings import Accrual, Posting
from domain.money import USD_DECIMALS, format_units
from persistence.postgres.pool import Database

# A CTE for statements with a CTE `completed`, which has the completed order, or no row.
POST = """
  INSERT INTO ledger_postings
    (transaction_id, position, account, partner_id, code_id, order_id, amount, created_at)
  SELECT completed.id, p.position, p.account, completed.partner_id, completed.code_id,
    completed.id, p.amount::numeric, completed.at
  FROM completed, unnest({accounts}::text[], {amounts}::text[]) WITH ORDINALITY
    AS p (account, amount, position)
"""

BASE_FEE_SHARE = """
SELECT p.base_fee_share_bps FROM orders o JOIN partners p ON p.id = o.partner_id WHERE o.id = $1
"""

ACCRUE = f"""
WITH completed AS (
  UPDATE orders SET accrued = true, accrual_price_usd = $5::text::numeric, accrual_share_bps = $6
  WHERE id = $1 AND state = 'completed' AND NOT accrued
  RETURNING id, partner_id, code_id, $2::timestamptz AS at
), posted AS ({POST.format(accounts="$3", amounts="$4")})
SELECT EXISTS (SELECT FROM completed) AS accrued
"""  # noqa: S608  constants of ours


async def base_fee_share_bps(database: Database, order_id: UUID) -> int:
    """Return the base fee share of an order's partner in basis points; 0 for an unknown order."""
    row = await database.fetch_one(BASE_FEE_SHARE, [order_id])
    return int(row["base_fee_share_bps"]) if row else 0


async def accrue(database: Database, order_id: UUID, earned: Accrual, *, at: datetime) -> bool:
    """Post the earnings of a completed order; False if they are posted already."""
    row = await database.fetch_one(ACCRUE, [order_id, at, *stored_accrual(earned)])
    return row is not None and bool(row["accrued"])


def stored_accrual(earned: Accrual | None) -> tuple[list[str], list[str], str | None, int | None]:
    """Return the accounts and amounts for POST as text, and the price and share of the accrual."""
    if earned is None:
        return [], [], None, None
    price = format_units(earned.price, USD_DECIMALS)
    return *_stored(earned.postings), price, earned.base_fee_share_bps


def _stored(postings: Sequence[Posting]) -> tuple[list[str], list[str]]:
    return (
        [posting.account.value for posting in postings],
        [format_units(posting.amount, USD_DECIMALS) for posting in postings],
    )
