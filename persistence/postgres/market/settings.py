"""The operator's settings of the market: assets, pairs, fees, limits and switches."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.actions.operator.market.ports import PairSettings, Switch
from domain.assets import Asset, Catalogue, FixedRateTerms
from domain.errors import NotFound
from domain.ids import first_id_at
from domain.market.limits import Limits, PairLimits
from domain.market.network_fees import NetworkFee, NetworkFeeRule
from domain.money import USD_DECIMALS, format_units, units_from
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.network_fees import read_network_fees, read_rule, set_rule
from persistence.postgres.pool import Database, Row

SET_ASSET_ENABLED = "UPDATE assets SET enabled = $2 WHERE code = $1 RETURNING code"

SET_NETWORK_FEE = """
UPDATE assets SET network_fee = $2::text::numeric WHERE code = $1 RETURNING code
"""

FEES = "SELECT name, fee_bps FROM networks ORDER BY name"

SET_FEE = """
UPDATE networks SET fee_bps = $2 WHERE lower(name) = lower($1) RETURNING name
"""

# A pair is any two different assets; there is a row only for a pair with settings of its own.
SET_PAIR_ENABLED = """
INSERT INTO pair_settings (source, destination, enabled)
SELECT s.code, d.code, $3 FROM assets s JOIN assets d ON d.code <> s.code
WHERE s.code = $1 AND d.code = $2
ON CONFLICT (source, destination) DO UPDATE SET enabled = EXCLUDED.enabled
RETURNING source
"""

SET_PAIR_LIMITS = """
INSERT INTO pair_settings (source, destination, min_usd, max_usd)
SELECT s.code, d.code, $3::text::numeric, $4::text::numeric
FROM assets s JOIN assets d ON d.code <> s.code
WHERE s.code = $1 AND d.code = $2
ON CONFLICT (source, destination) DO UPDATE
SET min_usd = EXCLUDED.min_usd, max_usd = EXCLUDED.max_usd
RETURNING source
"""

# A new cap counts all orders opened today, including those opened before it was set. Ids begin with
# the time (UUIDv7), so $4 avoids reading all orders.
SET_LIMITS = """
WITH counted AS (
  INSERT INTO daily_volume (day, usd)
  SELECT utc_day(clock_timestamp()), coalesce(sum(worth_usd), 0) FROM orders
  WHERE id >= $4 AND utc_day(created_at) = utc_day(clock_timestamp())
    AND NOT ended_without_payout(state) AND $3::text IS NOT NULL
  ON CONFLICT (day) DO UPDATE SET usd = EXCLUDED.usd
)
UPDATE operator_settings SET min_usd = $1::text::numeric, max_usd = $2::text::numeric,
  daily_cap_usd = $3::text::numeric, fixed_exposure_cap_usd = $5::text::numeric
"""

LIMITS = """
SELECT min_usd::text AS min_usd, max_usd::text AS max_usd, daily_cap_usd::text AS daily_cap_usd,
  fixed_exposure_cap_usd::text AS fixed_exposure_cap_usd
FROM operator_settings
"""

SET_FIXED_RATE_TERMS = """
UPDATE operator_settings SET fixed_premium_bps = $1, fixed_confirm_minutes = $2,
  fixed_excess = $3
"""

SET_MIN_DEPOSIT = """
UPDATE assets SET min_deposit = $2::text::numeric WHERE code = $1 RETURNING code
"""

SPREAD = "SELECT spread_bps FROM operator_settings"

SET_SPREAD = "UPDATE operator_settings SET spread_bps = $1"

PAIRS = """
SELECT source, destination, enabled, min_usd::text AS min_usd, max_usd::text AS max_usd
FROM pair_settings
"""

BLOCK_REGIONS = """
INSERT INTO restricted_regions (region) SELECT unnest($1::text[]) ON CONFLICT (region) DO NOTHING
"""

ALLOW_REGIONS = "DELETE FROM restricted_regions WHERE region = ANY ($1::text[])"

SET_SWITCH = {
    switch: f"UPDATE operator_settings SET {switch.value} = $1"  # noqa: S608  our own enum
    for switch in Switch
}


class PostgresMarketSettings:
    """MarketSettings over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def catalogue(self) -> Catalogue:
        """See MarketSettings."""
        return await read_catalogue(self._database)

    async def set_asset_enabled(self, code: str, *, enabled: bool) -> None:
        """See MarketSettings."""
        await self._change(SET_ASSET_ENABLED, [code, enabled], missing=f"asset {code}")

    async def pairs(self) -> dict[tuple[str, str], PairSettings]:
        """See MarketSettings."""
        return {
            (row["source"], row["destination"]): PairSettings(row["enabled"], _pair_limits(row))
            for row in await self._database.fetch(PAIRS)
        }

    async def set_pair_enabled(self, pair: tuple[str, str], *, enabled: bool) -> None:
        """See MarketSettings."""
        await self._change(SET_PAIR_ENABLED, [*pair, enabled], missing=_pair(pair))

    async def fees(self) -> dict[str, int]:
        """See MarketSettings."""
        return {row["name"]: row["fee_bps"] for row in await self._database.fetch(FEES)}

    async def set_fee(self, network: str, fee_bps: int) -> str:
        """See MarketSettings."""
        row = await self._change(SET_FEE, [network, fee_bps], missing=f"network {network}")
        return str(row["name"])

    async def spread(self) -> int:
        """See MarketSettings."""
        (row,) = await self._database.fetch(SPREAD)
        return int(row["spread_bps"])

    async def set_spread(self, spread_bps: int) -> None:
        """See MarketSettings."""
        await self._database.fetch(SET_SPREAD, [spread_bps])

    async def set_network_fee(self, asset: Asset, units: int) -> None:
        """See MarketSettings."""
        amount = format_units(units, asset.precision)
        await self._change(SET_NETWORK_FEE, [asset.code, amount], missing=f"asset {asset.code}")

    async def set_min_deposit(self, asset: Asset, units: int) -> None:
        """See MarketSettings."""
        amount = format_units(units, asset.precision)
        await self._change(SET_MIN_DEPOSIT, [asset.code, amount], missing=f"asset {asset.code}")

    async def set_fixed_rate_terms(self, terms: FixedRateTerms) -> None:
        """See MarketSettings."""
        minutes = terms.confirm_within // timedelta(minutes=1)
        await self._database.fetch(
            SET_FIXED_RATE_TERMS, [terms.premium_bps, minutes, terms.excess.value]
        )

    async def network_fees(self) -> Sequence[NetworkFee]:
        """See MarketSettings."""
        return await read_network_fees(self._database, await self.catalogue())

    async def network_fee_rule(self) -> NetworkFeeRule:
        """See MarketSettings."""
        return await read_rule(self._database)

    async def set_network_fee_rule(self, rule: NetworkFeeRule) -> None:
        """See MarketSettings."""
        await set_rule(self._database, rule)

    async def limits(self) -> Limits:
        """See MarketSettings."""
        (row,) = await self._database.fetch(LIMITS)
        pairs = await self.pairs()
        return Limits(
            min_usd=_usd(row["min_usd"]),
            max_usd=_usd(row["max_usd"]),
            daily_cap_usd=_usd(row["daily_cap_usd"]) if row["daily_cap_usd"] else None,
            pairs={pair: settings.limits for pair, settings in pairs.items()},
            fixed_exposure_cap_usd=(
                _usd(row["fixed_exposure_cap_usd"]) if row["fixed_exposure_cap_usd"] else None
            ),
        )

    async def set_limits(self, limits: Limits) -> None:
        """See MarketSettings."""
        amounts = [limits.min_usd, limits.max_usd, limits.daily_cap_usd]
        first_id = first_id_at(datetime.now(UTC) - timedelta(days=1, minutes=10))
        exposure = _text(limits.fixed_exposure_cap_usd)
        parameters = [*(_text(one) for one in amounts), first_id, exposure]
        await self._database.fetch(SET_LIMITS, parameters)

    async def set_pair_limits(self, pair: tuple[str, str], limits: PairLimits) -> None:
        """See MarketSettings."""
        parameters = [*pair, _text(limits.min_usd), _text(limits.max_usd)]
        await self._change(SET_PAIR_LIMITS, parameters, missing=_pair(pair))

    async def set_regions_blocked(self, regions: Sequence[str], *, blocked: bool) -> None:
        """See MarketSettings."""
        await self._database.fetch(BLOCK_REGIONS if blocked else ALLOW_REGIONS, [list(regions)])

    async def set_switch(self, switch: Switch, *, on: bool) -> None:
        """See MarketSettings."""
        await self._database.fetch(SET_SWITCH[switch], [on])

    async def _change(self, sql: str, parameters: list[Any], *, missing: str) -> Row:
        """Run a statement that returns the row it changed; raise NotFound without one."""
        row = await self._database.fetch_one(sql, parameters)
        if row is None:
            raise NotFound(f"there is no {missing}")
        return row


def _pair(pair: tuple[str, str]) -> str:
    source, destination = pair
    return f"pair {source} to {destination}"


def _pair_limits(row: Row) -> PairLimits:
    return PairLimits(
        _usd(row["min_usd"]) if row["min_usd"] else None,
        _usd(row["max_usd"]) if row["max_usd"] else None,
    )


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)


def _text(value: int | None) -> str | None:
    return None if value is None else format_units(value, USD_DECIMALS)
