"""Draft transactions that sweep pay-ins to one address; nothing is signed or sent."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from domain.actions.operator.market.assets import find_asset
from domain.assets import Asset, Catalogue
from domain.chains.addresses import check_address
from domain.chains.sweeps import SweepOptions


class SweepPorts(msgspec.Struct, frozen=True):
    """The catalogue, and `draft`, which drafts the sweep of one of its assets with a node.

    `draft` raises NotFound if no node is set for the asset, InvalidCommand, and Unavailable.
    """

    catalogue: Callable[[], Awaitable[Catalogue]]
    draft: Callable[[Asset, Catalogue, SweepOptions], Awaitable[Any]]


async def draft_sweep(ports: SweepPorts, code: str, options: SweepOptions) -> Any:
    """Return unsigned transactions that move all confirmed pay-ins of an asset, as a document.

    Raises NotFound, InvalidAddress, InvalidCommand, and Unavailable.
    """
    catalogue = await ports.catalogue()
    asset = find_asset(catalogue, code)
    check_address(asset.network, options.to)
    return await ports.draft(asset, catalogue, options)
