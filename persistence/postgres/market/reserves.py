"""What can still be promised to new orders: reserves of assets, and the rest of the daily cap."""

from collections.abc import Mapping

import msgspec

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

# Every worker reads it several times a second, hence one statement.
HEADROOM = """
SELECT
  (SELECT coalesce(json_object_agg(asset, json_build_array(amount::text, promised::text)), '{}')
   FROM reserves)::text AS reserves,
  (s.daily_cap_usd - coalesce(d.usd, 0))::text AS usd_today,
  CASE WHEN s.fixed_exposure_cap_usd IS NOT NULL
    THEN (s.fixed_exposure_cap_usd - fixed_exposure_usd())::text END AS fixed_usd
FROM operator_settings s LEFT JOIN daily_volume d ON d.day = utc_day(clock_timestamp())
"""

_reserves = msgspec.json.Decoder(dict[str, tuple[str, str]]).decode


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
    rows = await database.fetch(RESERVES)
    return _known(catalogue, {row["asset"]: (row["amount"], row["promised"]) for row in rows})


async def read_headroom(database: Database, catalogue: Catalogue) -> Headroom:
    """Return how much may be promised now."""
    (row,) = await database.fetch(HEADROOM)
    reserves = _known(catalogue, _reserves(row["reserves"]))
    return Headroom(
        reserves={one.asset.code: one.available for one in reserves},
        usd_today=_usd(row["usd_today"]),
        fixed_usd=_usd(row["fixed_usd"]),
    )


def _known(catalogue: Catalogue, stored: Mapping[str, tuple[str, str]]) -> list[Reserve]:
    """Return the reserves of known assets; what is stored is their amounts and promised parts."""
    return [
        Reserve(asset, _units(amount, asset), _units(promised, asset))
        for code, (amount, promised) in stored.items()
        if (asset := catalogue.assets.get(code)) is not None
    ]


def _units(text: str, asset: Asset) -> int:
    return units_from(text, asset.precision)


def _usd(text: str | None) -> int | None:
    if text is None:
        return None
    return 0 if text.startswith("-") else units_from(text, USD_DECIMALS)
