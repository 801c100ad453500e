"""Show and set the payout reserves of assets."""

from collections.abc import Sequence

from domain.actions.operator.market.assets import find_asset
from domain.actions.operator.market.ports import MarketPorts, Reserve
from domain.assets import Asset
from domain.market.limits import NONE
from domain.money import parse_units


async def list_reserves(ports: MarketPorts) -> Sequence[Reserve]:
    """Return the reserves that are set; an asset without one is unlimited."""
    return await ports.reserves.reserves(await ports.settings.catalogue())


async def show_reserve(ports: MarketPorts, code: str) -> tuple[Asset, Reserve | None]:
    """Return an asset and its reserve, None if it is unlimited; raise NotFound."""
    catalogue = await ports.settings.catalogue()
    asset = find_asset(catalogue, code)
    reserves = {one.asset.code: one for one in await ports.reserves.reserves(catalogue)}
    return asset, reserves.get(asset.code)


async def set_reserve(ports: MarketPorts, code: str, amount: str) -> tuple[Asset, int | None]:
    """Set an asset's reserve, in units of the asset; `none` makes it unlimited.

    Returns the asset and its reserve in smallest units. Raises InvalidCommand and NotFound.
    """
    asset = find_asset(await ports.settings.catalogue(), code)
    units = None if amount == NONE else parse_units(amount, asset.precision)
    await ports.reserves.set(asset, units)
    await ports.announce()
    return asset, units
