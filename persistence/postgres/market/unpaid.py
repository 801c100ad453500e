"""The caps on unpaid orders, and what counts in them."""

from collections.abc import Sequence

from domain.market.unpaid import UnpaidCap, UnpaidScope
from domain.money import USD_DECIMALS, format_units, units_from
from domain.partners.partner import Partner
from persistence.postgres.pool import Database

# A total is compared with the cap of its own key, else with that of all keys.
CAPS = """
SELECT s.scope, c.usd::text AS usd, c.orders AS cap_orders, p.email,
  coalesce(max(t.usd), 0)::text AS unpaid, coalesce(max(t.orders), 0) AS unpaid_orders
FROM (
  SELECT scope, '' AS key FROM unnest($1::text[]) AS scope
  UNION SELECT scope, key FROM unpaid_caps
) AS s
LEFT JOIN unpaid_caps c USING (scope, key)
LEFT JOIN partners p ON p.id::text = s.key
LEFT JOIN unpaid_totals t ON t.scope = s.scope AND t.budget = 1 AND (
  t.key = s.key OR s.key = '' AND NOT EXISTS (
  SELECT FROM unpaid_caps own WHERE own.scope = t.scope AND own.key = t.key AND own.key <> ''))
GROUP BY s.scope, s.key, c.usd, c.orders, p.email ORDER BY s.scope, s.key <> '', p.email
"""

SET = """
INSERT INTO unpaid_caps (scope, key, usd, orders) VALUES ($1, $2, $3::text::numeric, $4)
ON CONFLICT (scope, key) DO UPDATE SET usd = EXCLUDED.usd, orders = EXCLUDED.orders
"""

REMOVE = "DELETE FROM unpaid_caps WHERE scope = $1 AND key = $2"


class PostgresUnpaidCapRepository:
    """UnpaidCapRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def caps(self) -> Sequence[UnpaidCap]:
        """See UnpaidCapRepository."""
        rows = await self._database.fetch(CAPS, [[scope.value for scope in UnpaidScope]])
        return [
            UnpaidCap(
                scope=UnpaidScope(row["scope"]),
                cap_usd=None if row["usd"] is None else _usd(row["usd"]),
                who=row["email"],
                unpaid_usd=_usd(row["unpaid"]),
                cap_orders=row["cap_orders"],
                unpaid_orders=row["unpaid_orders"],
            )
            for row in rows
        ]

    async def set(
        self,
        scope: UnpaidScope,
        partner: Partner | None,
        usd: int | None,
        *,
        orders: int | None = None,
    ) -> None:
        """See UnpaidCapRepository."""
        key = "" if partner is None else str(partner.id)
        if usd is None and orders is None:
            await self._database.fetch(REMOVE, [scope.value, key])
        else:
            cap_usd = None if usd is None else format_units(usd, USD_DECIMALS)
            await self._database.fetch(SET, [scope.value, key, cap_usd, orders])


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)
