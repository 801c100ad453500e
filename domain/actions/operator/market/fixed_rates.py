"""Show and set the terms of fixed rates, and the least deposits that count."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from domain.actions.operator.market.assets import find_asset
from domain.actions.operator.market.ports import MarketPorts
from domain.assets import Asset, Excess, FixedRateTerms
from domain.errors import InvalidCommand
from domain.market.fees import checked_premium, parse_min_deposit

MAX_CONFIRM_MINUTES: Final = 7 * 24 * 60


async def show_fixed_rate_terms(ports: MarketPorts) -> FixedRateTerms:
    """Return the terms of fixed rates."""
    return (await ports.settings.catalogue()).fixed_rate_terms


async def set_fixed_rate_terms(
    ports: MarketPorts,
    *,
    premium_bps: int | None = None,
    confirm_minutes: int | None = None,
    excess: Excess | None = None,
) -> FixedRateTerms:
    """Change the terms that are not None; return the terms then. Raises InvalidCommand."""
    terms = await show_fixed_rate_terms(ports)
    if premium_bps is None and confirm_minutes is None and excess is None:
        raise InvalidCommand("there is nothing to change: name a term")
    if premium_bps is not None:
        terms = msgspec.structs.replace(terms, premium_bps=checked_premium(premium_bps))
    if confirm_minutes is not None:
        if not 1 <= confirm_minutes <= MAX_CONFIRM_MINUTES:
            raise InvalidCommand(
                f"a time of {confirm_minutes} minutes is not in 1..{MAX_CONFIRM_MINUTES}"
            )
        terms = msgspec.structs.replace(terms, confirm_within=timedelta(minutes=confirm_minutes))
    if excess is not None:
        terms = msgspec.structs.replace(terms, excess=excess)
    await ports.settings.set_fixed_rate_terms(terms)
    await ports.announce()
    return terms


async def show_min_deposits(ports: MarketPorts, code: str | None = None) -> Sequence[Asset]:
    """Return all assets, or one, with their least deposits; raise NotFound."""
    catalogue = await ports.settings.catalogue()
    return list(catalogue.assets.values()) if code is None else [find_asset(catalogue, code)]


async def set_min_deposit(ports: MarketPorts, code: str, amount: str) -> tuple[Asset, int]:
    """Set the least deposit of an asset that counts; return the asset and it in smallest units.

    Raises InvalidCommand and NotFound.
    """
    asset = find_asset(await ports.settings.catalogue(), code)
    units = parse_min_deposit(amount, asset)
    await ports.settings.set_min_deposit(asset, units)
    await ports.announce()
    return asset, units
