"""How responses describe an asset: its code, coin and network, and its chain and contract."""

from typing import TypedDict

import msgspec

from domain.assets import Asset
from domain.wire import ChainId, ChainName, Contract


class AssetOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An asset. A request can name it by `code`, or by `chain`, `chainId` and `contract`."""

    code: str
    coin: str
    network: str
    chain: ChainName
    chain_id: ChainId | None = msgspec.field(name="chainId")
    contract: Contract | None


class AssetFields(TypedDict):
    """The fields of AssetOut."""

    code: str
    coin: str
    network: str
    chain: str
    chain_id: int | None
    contract: str | None


def asset_fields(asset: Asset) -> AssetFields:
    """Return the fields of AssetOut."""
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "chain": asset.chain,
        "chain_id": asset.chain_id,
        "contract": asset.contract,
    }
