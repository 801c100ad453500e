"""A reference by chain and contract finds the one asset that it names, or nothing."""

import pytest

from domain.asset_reference import AssetReference
from domain.assets import Asset
from domain.errors import InvalidRequest
from tests.support.builders.market import asset, catalogue

USDT_CONTRACT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
TRON_CONTRACT = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
BTC = asset("BTC", chain="bitcoin")
ETH = asset("ETH", chain="ethereum", chain_id=1)
BNB = asset("BNB", chain="bnbsmartchain", chain_id=56)
USDT = asset("USDT", 6, code="usdt_erc20", chain="ethereum", chain_id=1, contract=USDT_CONTRACT)
TRON_USDT = asset("USDT", 6, code="usdt_trc20", chain="tron", contract=TRON_CONTRACT)
CATALOGUE = catalogue(BTC, ETH, BNB, USDT, TRON_USDT)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (AssetReference("bitcoin"), BTC),
        (AssetReference("ethereum"), ETH),
        (AssetReference(chain_id=1), ETH),
        (AssetReference("evmGeneric", 1), ETH),
        (AssetReference("ethereum", 1), ETH),
        (AssetReference("evmGeneric", 56), BNB),
        (AssetReference("ethereum", 1, USDT_CONTRACT), USDT),
        (AssetReference("ethereum", None, USDT_CONTRACT.lower()), USDT),
        (AssetReference(None, 1, USDT_CONTRACT.upper()), USDT),
        (AssetReference("evmGeneric", 1, "0x" + USDT_CONTRACT[2:].upper()), USDT),
        (AssetReference("tron", None, TRON_CONTRACT), TRON_USDT),
        (AssetReference("tron", None, TRON_CONTRACT.lower()), None),
        (AssetReference("tron"), None),
        (AssetReference("bitcoin", 1), None),
        (AssetReference("ethereum", 56), None),
        (AssetReference("ethereum", None, TRON_CONTRACT), None),
        (AssetReference("tron", None, USDT_CONTRACT), None),
        (AssetReference("evmGeneric", 56, USDT_CONTRACT), None),
        (AssetReference("Ethereum"), None),
        (AssetReference("ethereum", None, ""), None),
        (AssetReference(""), None),
        (AssetReference(chain_id=0), None),
    ],
)
def test_a_reference_names_one_asset_or_none(
    reference: AssetReference, found: Asset | None
) -> None:
    assert CATALOGUE.find(reference) is found


@pytest.mark.parametrize("chain", [None, "evmGeneric"])
def test_a_reference_needs_a_chain(chain: str | None) -> None:
    with pytest.raises(InvalidRequest):
        AssetReference(chain, None, USDT_CONTRACT)


def test_a_pair_is_found_by_codes_references_and_both() -> None:
    by_code = CATALOGUE.pair("btc", "usdt_erc20")
    bitcoin, tether = AssetReference("bitcoin"), AssetReference(None, 1, USDT_CONTRACT)
    assert CATALOGUE.pair(bitcoin, tether) is by_code
    assert CATALOGUE.pair("btc", tether) is by_code
    assert CATALOGUE.pair(bitcoin, "usdt_erc20") is by_code


@pytest.mark.parametrize("unknown", ["none", AssetReference("tron"), AssetReference("bitcoin", 1)])
def test_a_pair_with_an_unknown_asset_is_rejected(unknown: str | AssetReference) -> None:
    for source, destination in [(unknown, "btc"), ("btc", unknown), (unknown, unknown)]:
        with pytest.raises(InvalidRequest):
            CATALOGUE.pair(source, destination)


def test_disabled_assets_are_found_but_not_swapped() -> None:
    disabled = asset("LTC", chain="litecoin", enabled=False)
    listed = catalogue(BTC, disabled)
    assert listed.find(AssetReference("litecoin")) is disabled
    with pytest.raises(InvalidRequest):
        listed.pair("btc", AssetReference("litecoin"))
