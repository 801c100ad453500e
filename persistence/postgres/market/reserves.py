"""What can still be promised to new orders: reserves of assets, and the rest of the daily cap."""

from domain.actions.operator.market.ports import Reserve
from domain.assets import Asset, Catalogue
from domain.errors import NotFound
from domain.market.limits import Headroom
from domain.money import USD_DECIMALS, format_units, units_from
from persistence.postgres.pool import Database

RESERVES = """
SELECT asset, amount::text AS amount, promised::text AS promised FROM reserves ORDER BY asset
"""

SET = "SELECT set_reserve($1, $2::text::numeric) AS is_known"

UNSET = "DELETE FROM reserves WHERE asset = $1"

LEFT_TODAY = """
SELECT (s.daily_cap_usd - coalesce(d.usd, 0))::text AS usd
FROM operator_settings s LEFT JOIN daily_volume d ON d.day = utc_day(clock_timestamp())
WHERE s.daily_cap_usd IS NOT NULL
"""


LEFT_AT_FIXED_RATES = """
SELECT (s.fixed_exposure_cap_usd - fixed_exposure_usd())::text AS usd
FROM operator_settings s WHERE s.fixed_exposure_cap_usd IS NOT NULL
"""


class PostgresReserveRepository:
    """ReserveRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserves(self, catalogue: Catalogue) -> list[Reserve]:
        """See ReserveRepository."""
        return await read_reserves(self._database, catalogue)

    async def set(self, asset: Asset, units: int | None) -> None:
        """See ReserveRepository."""
        if units is None:
            await self._database.fetch(UNSET, [asset.code])
            return
        amount = format_units(units, asset.precision)
        row = await self._database.fetch_one(SET, [asset.code, amount])
        if row is None or not row["is_known"]:
            raise NotFound(f"there is no asset {asset.code}")


async def read_reserves(database: Database, catalogue: Catalogue) -> list[Reserve]:
    """Return the reserves that are set."""
    return [
        Reserve(asset, _units(row["amount"], asset), _units(row["promised"], asset))
        for row in await database.fetch(RESERVES)
        if (asset := catalogue.assets.get(row["asset"])) is not None
    ]


async def read_headroom(database: Database, catalogue: Catalogue) -> Headroom:
    """Return how much may be promised now."""
    reserves = await read_reserves(database, catalogue)
    today = await database.fetch_one(LEFT_TODAY)
    fixed = await database.fetch_one(LEFT_AT_FIXED_RATES)
    return Headroom(
        reserves={one.asset.code: one.available for one in reserves},
        usd_today=None if today is None else _usd(today["usd"]),
        fixed_usd=None if fixed is None else _usd(fixed["usd"]),
    )


def _units(text: str, asset: Asset) -> int:
    return units_from(text, asset.precision)


def _usd(text: str) -> int:
    return 0 if text.startswith("-") else units_from(text, USD_DECIMALS)
