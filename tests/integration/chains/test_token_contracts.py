"""Chain ids and contracts of all assets agree with an independent list of coins and tokens.

The list is that of BitGo, a custodian: the npm package @bitgo/statics, read as text.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls

STATICS = Path(__file__).parents[3] / "node_modules" / "@bitgo" / "statics" / "dist" / "src"

NETWORK_CLASSES = {
    "Ethereum": "Ethereum",
    "BinanceSmartChain": "BNB Smart Chain",
    "Polygon": "Polygon",
    "Arbitrum": "Arbitrum",
    "BaseChain": "Base",
    "AvalancheC": "Avalanche",
}
TOKENS = {
    "usdt_trc20": "trx:usdt",
    "usdt_erc20": "usdt",
    "usdc_erc20": "usdc",
    "usdt_bsc": "bsc:usdt",
    "usdt_sol": "sol:usdt",
    "usdt_ton": "ton:usdt",
    "usdt_polygon": "polygon:usdt",
    "usdt_arbitrum": "arbeth:usdt",
    "usdc_sol": "sol:usdc",
    "usdc_base": "baseeth:usdc",
    "usdc_polygon": "polygon:usdcv2",
    "dai_erc20": "mcdai",
}
"""The code of each token, and its name in the list."""

_CHAIN_ID = re.compile(r"^class (\w+) |this\.chainId = (\d+);", re.MULTILINE)


@pytest.fixture(scope="module")
def listed_tokens() -> Mapping[str, str]:
    """Return the contract of each token in TOKENS by its name in the list."""
    files = [STATICS / "allCoinsAndTokens.js", *(STATICS / "coins").glob("*.js")]
    text = "".join(file.read_text() for file in files)
    tokens: dict[str, str] = {}
    for name in TOKENS.values():
        (tokens[name],) = re.findall(
            rf"-[0-9a-f]{{12}}', '{re.escape(name)}', '[^'\n]*', \d+, '([^'\n]+)'", text
        )
    return tokens


@pytest.fixture
async def assets(database_urls: DatabaseUrls) -> Mapping[str, Asset]:
    database = Database(database_urls.gateway)
    try:
        return (await read_catalogue(database)).assets
    finally:
        database.close()


def test_chain_ids_agree_with_those_of_the_list() -> None:
    listed: dict[str, int] = {}
    current = ""
    for found in _CHAIN_ID.finditer((STATICS / "networks.js").read_text()):
        if found[1]:
            current = found[1]
        elif current in NETWORK_CLASSES:
            listed[NETWORK_CLASSES[current]] = int(found[2])
    declared = {name: network.chain_id for name, network in NETWORKS.items() if network.chain_id}
    assert listed == declared


def test_every_asset_has_its_chain_and_every_token_its_contract(
    assets: Mapping[str, Asset],
) -> None:
    assert len(assets) == 32
    for asset in assets.values():
        network = NETWORKS[asset.network]
        assert (asset.chain, asset.chain_id) == (network.chain, network.chain_id)
        assert (asset.contract is None) == (asset.coin == network.coin), asset.code
    assert {code for code, asset in assets.items() if asset.contract} == TOKENS.keys()


def test_contracts_agree_with_those_of_the_list(
    assets: Mapping[str, Asset], listed_tokens: Mapping[str, str]
) -> None:
    for code, name in TOKENS.items():
        asset, contract = assets[code], listed_tokens[name]
        stated = asset.contract or ""
        if asset.chain_id is not None:  # the list writes the contracts of EVM chains in lower case
            stated, contract = stated.lower(), contract.lower()
        assert stated == contract, code
        assert NETWORKS[asset.network].accepts(asset.contract or ""), "its checksum is wrong"
