"""Partners' earnings, payouts and resets in PostgreSQL.

Every displayed amount of earnings is read here or from `code_totals`. The ledger's triggers
maintain these totals; `swapgate reconcile` compares them with the postings.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from domain.errors import NotFound
from domain.ledger.earnings import CodeEarnings, Earnings
from domain.ledger.payouts import EarningsReset, EndedBy, Payout
from domain.ledger.periods import EarningsPeriod, current_period, ended_period
from domain.money import USD_DECIMALS, format_units, units_from
from domain.webhooks.events import Event
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.outbox import enqueue_parameters

# A single statement, so that totals and periods come from the same snapshot.
EARNINGS = """
SELECT t.*,
  coalesce(last.number, 0) AS ended_periods,
  coalesce(last.period_end, p.created_at) AS period_start,
  coalesce(cycle.period_end, p.created_at) AS cycle_start,
  (SELECT coalesce(sum(amount_usd), 0)::text FROM earnings_periods
   WHERE partner_id = p.id AND ended_by = 'payout' AND number > coalesce(cycle.number, 0))
    AS paid_in_cycle,
  (SELECT coalesce(json_agg(json_build_array(c.id, c.code, e.markup_usd::text)
     ORDER BY c.created_at, c.id), '[]')::text
   FROM codes c CROSS JOIN LATERAL (
     SELECT coalesce(sum(earnings_usd), 0) AS markup_usd FROM code_totals WHERE code_id = c.id
   ) e WHERE c.partner_id = p.id) AS codes
FROM partners p
CROSS JOIN LATERAL (
  SELECT coalesce(sum(volume_usd), 0)::text AS volume, coalesce(sum(markup_usd), 0)::text AS markup,
    coalesce(sum(base_fee_share_usd), 0)::text AS base_fee_share,
    coalesce(sum(paid_usd), 0)::text AS paid, coalesce(sum(reset_usd), 0)::text AS reset
  FROM partner_totals WHERE partner_id = p.id
) t
LEFT JOIN LATERAL (
  SELECT number, period_end FROM earnings_periods WHERE partner_id = p.id
  ORDER BY number DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
  SELECT number, period_end FROM earnings_periods WHERE partner_id = p.id AND ended_by = 'reset'
  ORDER BY number DESC LIMIT 1
) cycle ON true
WHERE p.id = $1
"""

ENDS = """
SELECT e.id, e.partner_id, e.number, e.ended_by, e.amount_usd::text AS amount, e.reference,
  e.period_start, e.period_end, e.total_markup_usd::text AS total_markup,
  e.total_base_fee_share_usd::text AS total_base_fee_share,
  (SELECT coalesce(json_agg(json_build_array(c.id, c.code, t.total_markup_usd::text)
     ORDER BY c.created_at, c.id), '[]')::text
   FROM earnings_period_codes t JOIN codes c ON c.id = t.code_id
   WHERE t.period_id = e.id) AS total_codes
FROM earnings_periods e
"""

PAYOUT = f"{ENDS} WHERE e.partner_id = $1 AND e.reference = $2"

NEWEST = f"""{ENDS}
WHERE e.partner_id = $1 AND ($2::integer IS NULL OR e.number < $2)
  AND ($3::text IS NULL OR e.ended_by = $3)
ORDER BY e.number DESC LIMIT $4
"""

END_PERIOD = """
SELECT end_earnings_period($1::uuid, $2::uuid, $3::integer, $4::text, $5::text::numeric, $6::text,
  $7::timestamptz, $8::timestamptz, $9::text::numeric, $10::text::numeric, $11::uuid[],
  $12::text[]::numeric[], $13::uuid, $14::text, $15::text, $16::bytea) AS ended
"""


class PostgresEarningsRepository:
    """EarningsRepository and EarningsQueries; only the operator's role may end periods."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earnings(self, partner_id: UUID) -> Earnings:
        """See EarningsRepository."""
        row = await self._database.fetch_one(EARNINGS, [partner_id])
        if row is None:
            raise NotFound(f"there is no partner {partner_id}")
        return Earnings(
            volume=_usd(row["volume"]),
            markup=_usd(row["markup"]),
            base_fee_share=_usd(row["base_fee_share"]),
            paid=_usd(row["paid"]),
            reset=_usd(row["reset"]),
            paid_in_cycle=_usd(row["paid_in_cycle"]),
            ended_periods=row["ended_periods"],
            period_start=row["period_start"],
            cycle_start=row["cycle_start"],
            codes=_codes(row["codes"]),
        )

    async def payout(self, partner_id: UUID, reference: str) -> Payout | None:
        """See EarningsRepository."""
        row = await self._database.fetch_one(PAYOUT, [partner_id, reference])
        return _payout(row) if row else None

    async def end_period(self, end: Payout | EarningsReset, event: Event) -> bool:
        """See EarningsRepository."""
        event_id, _, event_type, key, body, _ = enqueue_parameters(event)
        parameters = [
            end.id,
            end.partner_id,
            end.number,
            end.ended_by.value,
            _text(end.amount),
            end.reference if isinstance(end, Payout) else None,
            end.period_start,
            end.period_end,
            _text(end.total_markup),
            _text(end.total_base_fee_share),
            [one.code_id for one in end.total_codes],
            [_text(one.markup) for one in end.total_codes],
            *(event_id, event_type, key, body),
        ]
        row = await self._database.fetch_one(END_PERIOD, parameters)
        return row is not None and bool(row["ended"])

    async def payouts(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[Payout]:
        """Return the partner's newest payouts, newest first; with numbers below `before`."""
        rows = await self._database.fetch(NEWEST, [partner_id, before, EndedBy.PAYOUT.value, limit])
        return [_payout(row) for row in rows]

    async def periods(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[EarningsPeriod]:
        """Return the partner's newest periods, newest first; with numbers below `before`.

        Without `before` the first one is the current period. Raises NotFound.
        """
        earnings = await self.earnings(partner_id)
        below = earnings.ended_periods + 1 if before is None else before
        rows = await self._database.fetch(NEWEST, [partner_id, below, None, limit + 1])
        ends = [_end(row) for row in rows]
        previous = [*ends[1:], None]  # the extra row is only the previous end of the last period
        periods = [ended_period(end, earlier) for end, earlier in zip(ends, previous, strict=False)]
        if before is None:
            periods = [current_period(earnings, ends[0] if ends else None), *periods]
        return periods[:limit]


def _end(row: dict[str, Any]) -> Payout | EarningsReset:
    if EndedBy(row["ended_by"]) is EndedBy.PAYOUT:
        return _payout(row)
    return EarningsReset(**_columns(row))


def _payout(row: dict[str, Any]) -> Payout:
    return Payout(**_columns(row), reference=row["reference"])


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that payouts and resets share."""
    return {
        "id": UUID(row["id"]),
        "partner_id": UUID(row["partner_id"]),
        "number": row["number"],
        "amount": _usd(row["amount"]),
        "period_start": row["period_start"],
        "period_end": row["period_end"],
        "total_markup": _usd(row["total_markup"]),
        "total_base_fee_share": _usd(row["total_base_fee_share"]),
        "total_codes": _codes(row["total_codes"]),
    }


def _codes(document: str) -> list[CodeEarnings]:
    """Decode `[[id, code, markup as text], ...]`."""
    rows = msgspec.json.decode(document, type=list[tuple[UUID, str, str]])
    return [CodeEarnings(code_id, code, _usd(markup)) for code_id, code, markup in rows]


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)


def _text(amount: int) -> str:
    return format_units(amount, USD_DECIMALS)
