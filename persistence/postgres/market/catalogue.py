"""The catalogue: networks, assets, pair settings and switches, read as a whole."""

from datetime import timedelta
from typing import Any

from domain.assets import Asset, Bounds, Catalogue, Excess, FixedRateTerms, Switches
from domain.chains.networks import NETWORKS
from domain.market.network_fees import ESTIMATE_LIFETIME, NetworkFeeRule
from domain.money import USD_DECIMALS, units_from
from persistence.postgres.pool import Database

# Recent estimates of network fees are used; `valid_seconds` is how long an estimate stays recent.
# Outside the sandbox an asset is received and sent only if settlement is connected to its network.
ASSETS = """
SELECT a.code, a.coin, a.network, a.name, a.precision, a.network_fee::text AS network_fee,
       a.aggregator_code, a.enabled, a.logo, a.color, n.fee_bps + o.spread_bps AS fee_bps,
       n.tag_name, n.chain, n.chain_id, a.contract, a.min_deposit::text AS min_deposit,
       CASE WHEN a.coin = n.coin THEN n.dust_limit ELSE 0 END::text AS dust_limit,
       coalesce(a.confirmations, n.confirmations) AS confirmations,
       e.amount::text AS estimate,
       extract(epoch FROM e.estimated_at + $1::float8 * interval '1 second' - now())::float8
         AS valid_seconds,
       o.sandbox OR h.test_network IS NOT NULL AS is_test,
       a.receivable AND (o.sandbox OR coalesce(c.receives, false)) AS receivable,
       a.sendable AND (o.sandbox OR coalesce(c.sends, false)) AS sendable
FROM assets a JOIN networks n ON n.name = a.network CROSS JOIN operator_settings o
LEFT JOIN chains h ON h.network = a.network
LEFT JOIN connected_assets c ON c.asset = a.code
LEFT JOIN network_fee_estimates e ON e.asset = a.code
  AND e.estimated_at > now() - $1::float8 * interval '1 second'
ORDER BY a.position, a.code
"""

PAIR_SETTINGS = """
SELECT source, destination, enabled, min_usd::text AS min_usd, max_usd::text AS max_usd
FROM pair_settings
"""

OPERATOR_SETTINGS = """
SELECT maintenance, fixed_rates, refunds, sandbox, fixed_premium_bps, fixed_confirm_minutes,
  fixed_excess, network_fee_margin_bps, network_fee_max_multiple,
  min_usd::text AS min_usd, max_usd::text AS max_usd
FROM operator_settings
"""

RESTRICTED_REGIONS = "SELECT region FROM restricted_regions"


async def read_catalogue(database: Database) -> Catalogue:
    """Return the current catalogue; raise Unavailable without a database.

    Uses four statements: a change in between increments the revision, so that it is read again.
    """
    rows = await database.fetch(ASSETS, [ESTIMATE_LIFETIME.total_seconds()])
    pairs = await database.fetch(PAIR_SETTINGS)
    (operator,) = await database.fetch(OPERATOR_SETTINGS)
    regions = await database.fetch(RESTRICTED_REGIONS)
    rule = NetworkFeeRule(operator["network_fee_margin_bps"], operator["network_fee_max_multiple"])
    assets = [_asset(row, rule) for row in rows]
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
            excess=Excess(operator["fixed_excess"]),
        ),
        restricted_regions=frozenset(row["region"] for row in regions),
        sandbox=operator["sandbox"],
        valid_seconds=min((row["valid_seconds"] for row in rows if row["estimate"]), default=None),
    )


def _asset(row: dict[str, Any], rule: NetworkFeeRule) -> Asset:
    precision = row["precision"]
    estimate = None if row["estimate"] is None else units_from(row["estimate"], precision)
    return Asset(
        code=row["code"],
        coin=row["coin"],
        network=row["network"],
        name=row["name"],
        precision=precision,
        network_fee=rule.charged(units_from(row["network_fee"], precision), estimate),
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
        chain=row["chain"],
        chain_id=row["chain_id"],
        contract=row["contract"],
        confirmations=row["confirmations"],
        explorer=None if row["is_test"] else _explorer(row["network"]),
    )


def _explorer(network: str) -> str | None:
    declared = NETWORKS.get(network)
    return declared.explorer if declared else None


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)
