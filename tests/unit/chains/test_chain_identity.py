"""Every network that can be followed declares which chain it is, and no other may be followed."""

from pathlib import Path

import pytest

from domain.chains.identity import ChainIdentity, genesis
from domain.chains.networks import NETWORKS
from domain.chains.transfers import Block
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.interface import InvalidChainSettings
from feeds.settlement.chains.settings import checked_chain, read_chains_file
from tests.unit.chains.test_chain_settings import ASSETS, GOOD, NODES, written

FOLLOWED = [network for network in NETWORKS.values() if network.family is not None]
SPLIT = ChainIdentity(blocks=(Block(0, "aa"), Block(7, "bb")))


def test_networks_that_can_be_followed_have_different_identities() -> None:
    identities = [network.identity for network in FOLLOWED]
    assert None not in identities
    assert len(set(identities)) == len(FOLLOWED) > 1


def test_no_test_network_has_the_identity_of_a_network_with_real_money() -> None:
    real = {network.identity for network in FOLLOWED}
    chain_ids = {one.chain_id for one in real if one is not None} - {None}
    for network in FOLLOWED:
        for test in network.test_networks.values():
            assert test not in real
            assert test.chain_id not in chain_ids


@pytest.mark.parametrize(
    ("reported", "difference"),
    [
        (SPLIT, None),
        (ChainIdentity(1, SPLIT.blocks), "its chain id is 1, not None"),
        (ChainIdentity(blocks=(Block(0, "cc"), Block(7, "bb"))), "its block 0 is cc, not aa"),
        (ChainIdentity(blocks=(Block(0, "aa"), Block(7, "cc"))), "its block 7 is cc, not bb"),
    ],
)
def test_a_chain_differs_by_its_id_its_genesis_or_a_later_block(
    reported: ChainIdentity, difference: str | None
) -> None:
    assert SPLIT.difference(reported) == difference


def test_a_test_network_is_followed_only_if_the_settings_name_it() -> None:
    settings = BitcoinSettings(nodes=NODES, asset="ltc")
    regtest = BitcoinSettings(nodes=NODES, asset="ltc", test_network="regtest")
    main = checked_chain("Litecoin", settings, ASSETS).identity
    assert main == NETWORKS["Litecoin"].identity
    assert checked_chain("Litecoin", regtest, ASSETS).identity == genesis(
        "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"
    )


def test_an_unknown_test_network_is_rejected() -> None:
    settings = BitcoinSettings(nodes=NODES, asset="ltc", test_network="mainnet")
    with pytest.raises(InvalidChainSettings, match="no test network mainnet: regtest, testnet"):
        checked_chain("Litecoin", settings, ASSETS)


def test_coins_of_test_networks_cannot_be_swapped_for_real_ones(tmp_path: Path) -> None:
    test = GOOD.replace("Litecoin", "Bitcoin").replace("ltc", "btc") + 'test_network = "regtest"'
    with pytest.raises(InvalidChainSettings, match="Bitcoin is a test network and Litecoin is not"):
        read_chains_file(written(tmp_path / "chains.toml", GOOD + test))
    assert len(read_chains_file(written(tmp_path / "chains.toml", test))) == 1
