"""List the regions where swaps are not offered, and block and allow regions."""

from collections.abc import Sequence

from domain.actions.operator.market.ports import MarketPorts
from domain.market.regions import checked_region


async def list_blocked_regions(ports: MarketPorts) -> Sequence[str]:
    """Return the blocked regions in alphabetical order."""
    return sorted((await ports.settings.catalogue()).restricted_regions)


async def set_regions_blocked(
    ports: MarketPorts, regions: Sequence[str], *, blocked: bool
) -> Sequence[str]:
    """Block or allow regions, all or none; return those that are blocked then.

    Raises InvalidCommand for a code that is not assigned.
    """
    codes = sorted({checked_region(region) for region in regions})
    await ports.settings.set_regions_blocked(codes, blocked=blocked)
    await ports.announce()
    return await list_blocked_regions(ports)
