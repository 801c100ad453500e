"""Partners' accounts: what each is owed, its payouts and clearings, and what its periods earned.

Every figure of earnings that anybody is shown comes from here or from `code_totals`, which the
ledger's own triggers keep; `swapgate reconcile` compares both with the postings.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from domain.errors import NotFound
from domain.ledger.payouts import (
    Closing,
    ClosingKind,
    CodeEarnings,
    Earnings,
    Period,
    closed_period,
    open_period,
)
from domain.money import USD_DECIMALS, format_units, units_from
from domain.webhooks.events import Event
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.outbox import enqueue_parameters

# One statement, so that sums and closings are of the same moment.
EARNINGS = """
SELECT t.*,
  coalesce(last.number, 0) AS closings, coalesce(last.closed_at, p.created_at) AS period_start,
  coalesce(cycle.closed_at, p.created_at) AS cycle_start,
  (SELECT coalesce(sum(amount_usd), 0)::text FROM earnings_closings
   WHERE partner_id = p.id AND kind = 'payout' AND number > coalesce(cycle.number, 0))
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
    coalesce(sum(paid_usd), 0)::text AS paid, coalesce(sum(cleared_usd), 0)::text AS cleared
  FROM partner_totals WHERE partner_id = p.id
) t
LEFT JOIN LATERAL (
  SELECT number, closed_at FROM earnings_closings WHERE partner_id = p.id
  ORDER BY number DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
  SELECT number, closed_at FROM earnings_closings WHERE partner_id = p.id AND kind = 'clearing'
  ORDER BY number DESC LIMIT 1
) cycle ON true
WHERE p.id = $1
"""

CLOSINGS = """
SELECT c.id, c.partner_id, c.number, c.kind, c.amount_usd::text AS amount, c.reference,
  c.period_start, c.closed_at, c.markup_usd::text AS markup,
  c.base_fee_share_usd::text AS base_fee_share,
  (SELECT coalesce(json_agg(json_build_array(k.id, k.code, cc.markup_usd::text)
     ORDER BY k.created_at, k.id), '[]')::text
   FROM earnings_closing_codes cc JOIN codes k ON k.id = cc.code_id
   WHERE cc.closing_id = c.id) AS codes
FROM earnings_closings c
"""

PAYOUT = f"{CLOSINGS} WHERE c.partner_id = $1 AND c.reference = $2"

NEWEST = f"""{CLOSINGS}
WHERE c.partner_id = $1 AND ($2::integer IS NULL OR c.number < $2) AND c.kind = ANY ($3::text[])
ORDER BY c.number DESC LIMIT $4
"""

CLOSE = """
SELECT close_earnings($1::uuid, $2::uuid, $3::integer, $4::text, $5::text::numeric, $6::text,
  $7::timestamptz, $8::timestamptz, $9::text::numeric, $10::text::numeric, $11::uuid[],
  $12::text[]::numeric[], $13::uuid, $14::text, $15::text, $16::bytea) AS closed
"""


class PostgresEarningsRepository:
    """Accounts over PostgreSQL: the gateway's role may read, the operator's close as well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earnings(self, partner_id: UUID) -> Earnings:
        """See Accounts."""
        row = await self._database.fetch_one(EARNINGS, [partner_id])
        if row is None:
            raise NotFound(f"there is no partner {partner_id}")
        return Earnings(
            volume=_usd(row["volume"]),
            markup=_usd(row["markup"]),
            base_fee_share=_usd(row["base_fee_share"]),
            paid=_usd(row["paid"]),
            cleared=_usd(row["cleared"]),
            paid_in_cycle=_usd(row["paid_in_cycle"]),
            closings=row["closings"],
            period_start=row["period_start"],
            cycle_start=row["cycle_start"],
            codes=_codes(row["codes"]),
        )

    async def payout(self, partner_id: UUID, reference: str) -> Closing | None:
        """See Accounts."""
        row = await self._database.fetch_one(PAYOUT, [partner_id, reference])
        return _closing(row) if row else None

    async def close(self, closing: Closing, event: Event) -> bool:
        """See Accounts."""
        event_id, _, event_type, key, body, _ = enqueue_parameters(event)
        parameters = [
            closing.id,
            closing.partner_id,
            closing.number,
            closing.kind.value,
            _text(closing.amount),
            closing.reference,
            closing.period_start,
            closing.closed_at,
            _text(closing.markup),
            _text(closing.base_fee_share),
            [one.code_id for one in closing.codes],
            [_text(one.markup) for one in closing.codes],
            *(event_id, event_type, key, body),
        ]
        row = await self._database.fetch_one(CLOSE, parameters)
        return row is not None and bool(row["closed"])

    async def payouts(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[Closing]:
        """Return the partner's newest payouts, newest first; those below number `before`."""
        return await self._newest(partner_id, [ClosingKind.PAYOUT], limit=limit, before=before)

    async def periods(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[Period]:
        """Return what the partner's newest periods have earned, newest first.

        Without `before`, the number of a closing, the first one is that which still goes on.
        Raises NotFound.
        """
        earnings = await self.earnings(partner_id)
        below = earnings.closings + 1 if before is None else before
        closings = await self._newest(partner_id, list(ClosingKind), limit=limit + 1, before=below)
        after: Sequence[Closing | None] = [*closings, None]
        periods = [closed_period(one, after[at + 1]) for at, one in enumerate(closings)]
        if before is None:
            periods = [open_period(earnings, after[0]), *periods]
        return periods[:limit]

    async def _newest(
        self, partner_id: UUID, kinds: Sequence[ClosingKind], *, limit: int, before: int | None
    ) -> list[Closing]:
        names = [kind.value for kind in kinds]
        rows = await self._database.fetch(NEWEST, [partner_id, before, names, limit])
        return [_closing(row) for row in rows]


def _closing(row: dict[str, Any]) -> Closing:
    return Closing(
        id=UUID(row["id"]),
        partner_id=UUID(row["partner_id"]),
        number=row["number"],
        kind=ClosingKind(row["kind"]),
        amount=_usd(row["amount"]),
        reference=row["reference"],
        period_start=row["period_start"],
        closed_at=row["closed_at"],
        markup=_usd(row["markup"]),
        base_fee_share=_usd(row["base_fee_share"]),
        codes=_codes(row["codes"]),
    )


def _codes(document: str) -> list[CodeEarnings]:
    """Read `[[id, code, markup as text], ...]`."""
    rows = msgspec.json.decode(document, type=list[tuple[UUID, str, str]])
    return [CodeEarnings(code_id, code, _usd(markup)) for code_id, code, markup in rows]


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)


def _text(amount: int) -> str:
    return format_units(amount, USD_DECIMALS)
