"""Drafts sweeps with the first node of an asset's chain."""

from collections.abc import Mapping
from typing import Any

from domain.assets import Asset, Catalogue
from domain.chains.ports import AssignedAddresses
from domain.chains.sweeps import SweepOptions
from domain.errors import NotFound
from feeds.settlement.chains.families import family_of
from feeds.settlement.chains.interface import ChainSettings, SweepRequest
from feeds.settlement.chains.settings import checked_chain


async def draft_sweep(
    chains: Mapping[str, ChainSettings],
    asset: Asset,
    *,
    catalogue: Catalogue,
    assigned: AssignedAddresses,
    options: SweepOptions,
) -> Any:
    """Return unsigned transactions that move all pay-ins of an asset, as a JSON document.

    Raises NotFound if `chains` does not contain the asset, InvalidCommand, InvalidChainSettings,
    and Unavailable.
    """
    settings = chains.get(asset.network)
    if settings is None or asset.code not in settings.codes:
        raise NotFound(f"the file of SWAPGATE_CHAINS does not contain {asset.code}")
    chain = checked_chain(asset.network, settings, catalogue.assets)
    request = SweepRequest(asset=asset, assigned=assigned, options=options)
    return await family_of(settings).draft_sweep(chain, request)
