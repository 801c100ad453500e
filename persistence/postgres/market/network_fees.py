"""Network fees: the operator's numbers and rule, and settlement's estimates."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.assets import Asset, Catalogue
from domain.market.network_fees import FeeEstimate, NetworkFee, NetworkFeeRule
from domain.money import format_units, units_from
from persistence.postgres.pool import Database, Row

REPUBLISHED_ABOVE: Final = "0.05"
"""A published estimate is replaced by one that differs by more than this part of it.

A change makes every worker read the catalogue again, and changes the price of every quote.
"""

RECORD = """
INSERT INTO network_fee_estimates AS e (asset, amount, estimated_at)
SELECT asset, amount::numeric, now() FROM unnest($1::text[], $2::text[]) AS given (asset, amount)
ORDER BY asset
ON CONFLICT (asset) DO UPDATE SET estimated_at = EXCLUDED.estimated_at,
  amount = CASE WHEN abs(EXCLUDED.amount - e.amount) > e.amount * $3::text::numeric
    THEN EXCLUDED.amount ELSE e.amount END
"""

FEES = """
SELECT a.code, a.network_fee::text AS operator_fee, e.amount::text AS estimate, e.estimated_at
FROM assets a LEFT JOIN network_fee_estimates e ON e.asset = a.code
"""

RULE = "SELECT network_fee_margin_bps, network_fee_max_multiple FROM operator_settings"

SET_RULE = """
UPDATE operator_settings SET network_fee_margin_bps = $1, network_fee_max_multiple = $2
"""


async def read_network_fees(database: Database, catalogue: Catalogue) -> Sequence[NetworkFee]:
    """Return the network fees of all assets, in the catalogue's order."""
    rows = {row["code"]: row for row in await database.fetch(FEES)}
    return [
        NetworkFee(
            asset,
            operator_fee=units_from(rows[code]["operator_fee"], asset.precision),
            estimate=_estimate(rows[code], asset),
            charged=asset.network_fee,
        )
        for code, asset in catalogue.assets.items()
        if code in rows
    ]


async def read_rule(database: Database) -> NetworkFeeRule:
    """Return how network fees follow estimates."""
    (row,) = await database.fetch(RULE)
    return NetworkFeeRule(row["network_fee_margin_bps"], row["network_fee_max_multiple"])


async def set_rule(database: Database, rule: NetworkFeeRule) -> None:
    """Set how network fees follow estimates."""
    await database.fetch(SET_RULE, [rule.margin_bps, rule.max_multiple])


async def record_estimates(database: Database, estimates: Mapping[Asset, int]) -> None:
    """Record what payouts of assets cost now, in their smallest units."""
    codes = [asset.code for asset in estimates]
    amounts = [format_units(units, asset.precision) for asset, units in estimates.items()]
    await database.fetch(RECORD, [codes, amounts, REPUBLISHED_ABOVE])


def _estimate(row: Row, asset: Asset) -> FeeEstimate | None:
    if row["estimate"] is None:
        return None
    return FeeEstimate(units_from(row["estimate"], asset.precision), row["estimated_at"])
