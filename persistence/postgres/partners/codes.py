"""Reference codes as their owner manages them, under the gateway's role."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.errors import NotFound
from domain.money import USD_DECIMALS, units_from
from domain.partners.codes import CodeQuota, CodeStatistics, ListedCode, OwnCode
from persistence.postgres.pool import Database

# A partner that has as many codes as it may gets no row: see `room_for_code` in 0011-codes.sql.
ADD = """
INSERT INTO codes (id, partner_id, code, label, markup_bps, enabled, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (code) DO NOTHING
RETURNING id
"""

_LISTED = """
SELECT c.id, c.code, c.label, c.markup_bps, c.enabled, c.created_at,
  coalesce(t.orders, 0) AS orders, coalesce(t.volume_usd, 0)::text AS volume_usd,
  coalesce(t.earnings_usd, 0)::text AS earnings_usd
FROM codes c LEFT JOIN LATERAL (
  SELECT sum(orders)::bigint AS orders, sum(volume_usd) AS volume_usd,
    sum(earnings_usd) AS earnings_usd
  FROM code_totals WHERE code_id = c.id
) AS t ON true
"""

NEWEST = f"""{_LISTED}
WHERE c.partner_id = $1 AND ($3::text IS NULL OR (c.created_at, c.id) < (
  SELECT created_at, id FROM codes WHERE code = $3 AND partner_id = $1))
ORDER BY c.created_at DESC, c.id DESC LIMIT $2
"""  # noqa: S608  our own constant

FIND = f"{_LISTED} WHERE c.partner_id = $1 AND c.code = $2"

ROOM = """
SELECT (SELECT count(*) FROM codes WHERE partner_id = p.id) AS codes, p.max_codes,
  p.markup_bps
FROM partners p WHERE p.id = $1
"""

CHANGE = """
UPDATE codes SET label = $3, markup_bps = $4 WHERE code = $2 AND partner_id = $1 RETURNING id
"""

SWITCH = """
UPDATE codes SET enabled = $3 WHERE code = $2 AND partner_id = $1 RETURNING id
"""


class PostgresCodeRepository:
    """CodeRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, partner_id: UUID, code: OwnCode) -> bool:
        """See CodeRepository."""
        parameters = [
            code.id,
            partner_id,
            code.code,
            code.label,
            code.markup_bps,
            code.enabled,
            code.created_at,
        ]
        return await self._database.fetch_one(ADD, parameters) is not None

    async def newest(
        self, partner_id: UUID, *, limit: int, after: str | None = None
    ) -> Sequence[ListedCode]:
        """See CodeRepository."""
        rows = await self._database.fetch(NEWEST, [partner_id, limit, after])
        return [_listed(row) for row in rows]

    async def find(self, partner_id: UUID, name: str) -> ListedCode | None:
        """See CodeRepository."""
        row = await self._database.fetch_one(FIND, [partner_id, name])
        return _listed(row) if row else None

    async def quota(self, partner_id: UUID) -> CodeQuota:
        """See CodeRepository."""
        row = await self._database.fetch_one(ROOM, [partner_id])
        if row is None:
            raise NotFound(f"there is no partner {partner_id}")
        return CodeQuota(**row)

    async def change(
        self, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
    ) -> bool:
        """See CodeRepository."""
        parameters = [partner_id, name, label, markup_bps]
        return await self._database.fetch_one(CHANGE, parameters) is not None

    async def switch(self, partner_id: UUID, name: str, *, enabled: bool) -> bool:
        """See CodeRepository."""
        row = await self._database.fetch_one(SWITCH, [partner_id, name, enabled])
        return row is not None


def _listed(row: dict[str, Any]) -> ListedCode:
    code = OwnCode(
        id=UUID(row["id"]),
        code=row["code"],
        label=row["label"],
        markup_bps=row["markup_bps"],
        enabled=row["enabled"],
        created_at=row["created_at"],
    )
    statistics = CodeStatistics(
        orders=row["orders"],
        volume_usd=units_from(row["volume_usd"], USD_DECIMALS),
        earnings_usd=units_from(row["earnings_usd"], USD_DECIMALS),
    )
    return ListedCode(code, statistics)
