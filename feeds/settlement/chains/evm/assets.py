"""Assets as an EVM network counts them: its own coin, and tokens by their contracts."""

import msgspec

from feeds.settlement.chains.evm.settings import EvmSettings
from feeds.settlement.chains.interface import Chain


class EvmAsset(msgspec.Struct, frozen=True):
    """An asset on its network. `scale` units of the network equal one of our smallest units.

    `contract` is a token's, in lower case; None for the network's own coin. `max_gas` is the gas
    ceiling of its transfers. `code_hash` is the Keccak-256 of its code in hex, if the operator
    requires one.
    """

    code: str
    contract: str | None
    scale: int
    decimals: int
    max_gas: int
    code_hash: str | None = None


def evm_assets(chain: Chain[EvmSettings]) -> list[EvmAsset]:
    """Return the assets of a chain's settings."""
    return [
        EvmAsset(
            code,
            asset.contract.lower() if asset.contract is not None else None,
            10 ** (asset.decimals - chain.assets[code].precision),
            asset.decimals,
            asset.gas_ceiling,
            asset.code_hash.lower() if asset.code_hash is not None else None,
        )
        for code, asset in chain.settings.assets.items()
    ]
