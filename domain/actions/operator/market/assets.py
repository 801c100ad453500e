"""List assets, and enable or disable them."""

from collections.abc import Sequence

from domain.actions.operator.market.ports import MarketPorts
from domain.assets import Asset, Catalogue
from domain.errors import NotFound


async def list_assets(ports: MarketPorts) -> Sequence[Asset]:
    """Return all assets, enabled or not."""
    return list((await ports.settings.catalogue()).assets.values())


async def show_asset(ports: MarketPorts, code: str) -> Asset:
    """Return an asset; raise NotFound."""
    return find_asset(await ports.settings.catalogue(), code)


async def set_asset_enabled(ports: MarketPorts, code: str, *, enabled: bool) -> str:
    """Enable or disable an asset; return its code. Raises NotFound."""
    known = code.lower()
    await ports.settings.set_asset_enabled(known, enabled=enabled)
    await ports.announce()
    return known


def find_asset(catalogue: Catalogue, code: str) -> Asset:
    """Return the asset with this code in any case; raise NotFound."""
    asset = catalogue.assets.get(code.lower())
    if asset is None:
        raise NotFound(f"there is no asset {code}")
    return asset
