"""The catalogue: networks, assets, pair settings and switches, read as a whole."""

from datetime import timedelta
from typing import Any

from domain.assets import Asset, Bounds, Catalogue, FixedRateTerms, Switches
from domain.money import USD_DECIMALS, units_from
from persistence.postgres.pool import Database

# Outside the sandbox an asset is received and sent only if settlement is connected to its network.
ASSETS = """
SELECT a.code, a.coin, a.network, a.name, a.precision, a.network_fee::text AS network_fee,
       a.aggregator_code, a.enabled, a.logo, a.color, n.fee_bps + o.spread_bps AS fee_bps,
       n.tag_name, a.min_deposit::text AS min_deposit, n.dust_limit::text AS dust_limit,
       a.receivable AND (o.sandbox OR coalesce(c.receives, false)) AS receivable,
       a.sendable AND (o.sandbox OR coalesce(c.sends, false)) AS sendable
FROM assets a JOIN networks n ON n.name = a.network CROSS JOIN operator_settings o
LEFT JOIN connected_assets c ON c.asset = a.code
ORDER BY a.position, a.code
"""

PAIR_SETTINGS = """
SELECT source, destination, enabled, min_usd::text AS min_usd, max_usd::text AS max_usd
FROM pair_settings
"""

OPERATOR_SETTINGS = """
SELECT maintenance, fixed_rates, refunds, sandbox, fixed_premium_bps, fixed_confirm_minutes,
  min_usd::text AS min_usd, max_usd::text AS max_usd
FROM operator_settings
"""


async def read_catalogue(database: Database) -> Catalogue:
    """Return the current catalogue; raise Unavailable without a database.

    Uses three statements: a change in between increments the revision, so that it is read again.
    """
    assets = [_asset(row) for row in await database.fetch(ASSETS)]
    pairs = await database.fetch(PAIR_SETTINGS)
    (operator,) = await database.fetch(OPERATOR_SETTINGS)
    default = Bounds(_usd(operator["min_usd"]), _usd(operator["max_usd"]))
    return Catalogue(
        assets={asset.code: asset for asset in assets},
        disabled_pairs=frozenset(
            (row["source"], row["destination"]) for row in pairs if not row["enabled"]
        ),
        default_bounds=default,
        pair_bounds={
            (row["source"], row["destination"]): Bounds(
                _usd(row["min_usd"]) if row["min_usd"] else default.min_usd,
                _usd(row["max_usd"]) if row["max_usd"] else default.max_usd,
            )
            for row in pairs
        },
        switches=Switches(
            maintenance=operator["maintenance"],
            fixed_rates=operator["fixed_rates"],
            refunds=operator["refunds"],
        ),
        fixed_rate_terms=FixedRateTerms(
            premium_bps=operator["fixed_premium_bps"],
            confirm_within=timedelta(minutes=operator["fixed_confirm_minutes"]),
        ),
        sandbox=operator["sandbox"],
    )


def _asset(row: dict[str, Any]) -> Asset:
    return Asset(
        code=row["code"],
        coin=row["coin"],
        network=row["network"],
        name=row["name"],
        precision=row["precision"],
        network_fee=units_from(row["network_fee"], row["precision"]),
        fee_bps=row["fee_bps"],
        aggregator_code=row["aggregator_code"],
        tag_name=row["tag_name"],
        receivable=row["receivable"],
        sendable=row["sendable"],
        enabled=row["enabled"],
        logo=row["logo"],
        color=row["color"],
        min_deposit=units_from(row["min_deposit"], row["precision"]),
        dust_limit=units_from(row["dust_limit"], row["precision"]),
    )


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)
