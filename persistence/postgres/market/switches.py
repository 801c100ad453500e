"""What the operator sets of the catalogue: assets, pairs, fees, limits and switches."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from domain.assets import Asset
from domain.errors import NotFound
from domain.ids import first_id_at
from domain.market.limits import Limits, PairLimits
from domain.money import USD_DECIMALS, format_units, units_from
from persistence.postgres.pool import Database, Row

SET_ASSET_ENABLED = "UPDATE assets SET enabled = $2 WHERE code = $1 RETURNING code"

SET_NETWORK_FEE = """
UPDATE assets SET network_fee = $2::text::numeric WHERE code = $1 RETURNING code
"""

SET_FEE = """
UPDATE networks SET fee_bps = $2 WHERE lower(name) = lower($1) RETURNING name
"""

# A pair is any two different assets; a row is only kept for what differs from the rule.
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

# A cap that is set counts what was opened today, also before it was set. Ids begin with the time
# (UUIDv7), so $4 spares a look at all orders there ever were.
SET_LIMITS = """
WITH counted AS (
  INSERT INTO daily_volume (day, usd)
  SELECT utc_day(clock_timestamp()), coalesce(sum(worth_usd), 0) FROM orders
  WHERE id >= $4 AND utc_day(created_at) = utc_day(clock_timestamp())
    AND NOT came_to_nothing(state) AND $3::text IS NOT NULL
  ON CONFLICT (day) DO UPDATE SET usd = EXCLUDED.usd
)
UPDATE operator_settings SET min_usd = $1::text::numeric, max_usd = $2::text::numeric,
  daily_cap_usd = $3::text::numeric
"""

LIMITS = """
SELECT min_usd::text AS min_usd, max_usd::text AS max_usd, daily_cap_usd::text AS daily_cap_usd
FROM operator_settings
"""

# A sandbox is one from the start: never where somebody may have been shown an address.
BECOME_SANDBOX = """
UPDATE operator_settings SET sandbox = true
WHERE NOT EXISTS (SELECT FROM pay_in_accounts) AND NOT EXISTS (SELECT FROM orders)
"""

SET_SPREAD = "UPDATE operator_settings SET spread_bps = $1"

IS_SANDBOX = "SELECT sandbox FROM operator_settings"

PAIRS = """
SELECT source, destination, enabled, min_usd::text AS min_usd, max_usd::text AS max_usd
FROM pair_settings
"""


class Switch(StrEnum):
    """What is on or off for the whole installation."""

    MAINTENANCE = "maintenance"
    FIXED_RATES = "fixed_rates"
    REFUNDS = "refunds"


SET_SWITCH = {
    switch: f"UPDATE operator_settings SET {switch.value} = $1"  # noqa: S608  a name of ours
    for switch in Switch
}


class PairSettings(msgspec.Struct, frozen=True):
    """What is set of a pair: whether it is on, and bounds of its own."""

    enabled: bool
    limits: PairLimits


async def set_asset_enabled(database: Database, code: str, *, enabled: bool) -> None:
    """List an asset, or don't; raise NotFound."""
    if await database.fetch_one(SET_ASSET_ENABLED, [code, enabled]) is None:
        raise NotFound(f"there is no asset {code}")


async def set_network_fee(database: Database, asset: Asset, units: int) -> None:
    """Set what a payout of an asset costs, in its smallest units; raise NotFound."""
    amount = format_units(units, asset.precision)
    if await database.fetch_one(SET_NETWORK_FEE, [asset.code, amount]) is None:
        raise NotFound(f"there is no asset {asset.code}")


async def set_fee(database: Database, network: str, fee_bps: int) -> str:
    """Set the service fee of swaps to a network; return the network's name, or raise NotFound."""
    row = await database.fetch_one(SET_FEE, [network, fee_bps])
    if row is None:
        raise NotFound(f"there is no network {network}")
    return str(row["name"])


async def set_spread(database: Database, spread_bps: int) -> None:
    """Set what is taken of all swaps beside the service fee."""
    await database.fetch(SET_SPREAD, [spread_bps])


async def set_pair_enabled(
    database: Database, source: str, destination: str, *, enabled: bool
) -> None:
    """Let a pair be swapped, or don't; raise NotFound."""
    if await database.fetch_one(SET_PAIR_ENABLED, [source, destination, enabled]) is None:
        raise NotFound(f"there is no pair {source} to {destination}")


async def read_pair_settings(database: Database) -> dict[tuple[str, str], PairSettings]:
    """Return what is set of single pairs, by (source code, destination code)."""
    return {
        (row["source"], row["destination"]): PairSettings(row["enabled"], _pair_limits(row))
        for row in await database.fetch(PAIRS)
    }


async def read_limits(database: Database) -> Limits:
    """Return all limits as they are now."""
    (row,) = await database.fetch(LIMITS)
    pairs = await read_pair_settings(database)
    return Limits(
        min_usd=_usd(row["min_usd"]),
        max_usd=_usd(row["max_usd"]),
        daily_cap_usd=_usd(row["daily_cap_usd"]) if row["daily_cap_usd"] else None,
        pairs={pair: settings.limits for pair, settings in pairs.items()},
    )


async def save_limits(database: Database, limits: Limits) -> None:
    """Store the limits of all pairs; those of single pairs stay."""
    amounts = [limits.min_usd, limits.max_usd, limits.daily_cap_usd]
    lately = first_id_at(datetime.now(UTC) - timedelta(days=1, minutes=10))
    await database.fetch(SET_LIMITS, [*(_text(amount) for amount in amounts), lately])


async def save_pair_limits(database: Database, pair: tuple[str, str], limits: PairLimits) -> None:
    """Store a pair's own limits; raise NotFound."""
    source, destination = pair
    parameters = [source, destination, _text(limits.min_usd), _text(limits.max_usd)]
    if await database.fetch_one(SET_PAIR_LIMITS, parameters) is None:
        raise NotFound(f"there is no pair {source} to {destination}")


async def set_switch(database: Database, switch: Switch, *, on: bool) -> None:
    """Turn something on or off for the whole installation."""
    await database.fetch(SET_SWITCH[switch], [on])


async def become_sandbox(database: Database) -> None:
    """Make a new database a sandbox's; one that is in use stays what it is."""
    await database.fetch(BECOME_SANDBOX)


async def is_sandbox(database: Database) -> bool:
    """Tell whether the database is a sandbox's."""
    (row,) = await database.fetch(IS_SANDBOX)
    return bool(row["sandbox"])


def _pair_limits(row: Row) -> PairLimits:
    return PairLimits(
        _usd(row["min_usd"]) if row["min_usd"] else None,
        _usd(row["max_usd"]) if row["max_usd"] else None,
    )


def _usd(text: str) -> int:
    return units_from(text, USD_DECIMALS)


def _text(value: int | None) -> str | None:
    return None if value is None else format_units(value, USD_DECIMALS)
