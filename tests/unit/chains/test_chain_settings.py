"""The chains file and key files are rejected where others could read them, or do not fit."""

import asyncio
import stat
from pathlib import Path

import pytest

from domain.assets import Asset
from feeds.key_file import InvalidKeyFile
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.evm.signers import KeyFile, SignerCommand, SignerFailed
from feeds.settlement.chains.evm.transaction import Transaction, address_of_key, sign
from feeds.settlement.chains.interface import ChainSettings, InvalidChainSettings
from feeds.settlement.chains.settings import checked_chain, read_chains_file

KEY = bytes(range(1, 33))
PAYMENT = Transaction(
    chain_id=1, nonce=7, max_priority_fee=1, max_fee=2, gas=21_000, to=b"t" * 20, value=5
)
GOOD = """
[Litecoin]
kind = "bitcoin"
nodes = ["http://me:secret@one", "http://two"]
asset = "ltc"
"""


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_configures_each_chain_and_its_passwords_are_not_shown(tmp_path: Path) -> None:
    chains = read_chains_file(written(tmp_path / "chains.toml", GOOD))
    assert chains == {
        "Litecoin": BitcoinSettings(nodes=("http://me:secret@one", "http://two"), asset="ltc")
    }
    assert "secret" not in repr(chains)


def test_the_time_until_a_deposit_is_dropped_keeps_its_name_in_the_file(tmp_path: Path) -> None:
    text = GOOD + "vanish_after_seconds = 2"
    chains = read_chains_file(written(tmp_path / "chains.toml", text))
    assert chains["Litecoin"].drop_after_seconds == 2


def test_a_file_that_others_can_read_is_rejected(tmp_path: Path) -> None:
    for mode in (0o640, 0o604):
        with pytest.raises(InvalidChainSettings, match="can be read by others"):
            read_chains_file(written(tmp_path / "chains.toml", GOOD, mode))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace('"bitcoin"', '"other"'),
        GOOD.replace('kind = "bitcoin"', ""),
        GOOD.replace('"bitcoin"', "1"),
        GOOD.replace(', "http://two"', ""),
        GOOD + "nodez = 1",
        GOOD.replace("asset", "assets"),
        "[Litecoin",
        "Litecoin = 1",
    ],
)
def test_a_file_with_other_contents_is_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidChainSettings, match="cannot be used"):
        read_chains_file(written(tmp_path / "chains.toml", text))


def test_a_file_that_does_not_exist_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidChainSettings, match="cannot be read"):
        read_chains_file(tmp_path / "none.toml")


NODES = ("http://one", "http://two")
TETHER = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
ASSETS = {
    "usdt": Asset("usdt", "USDT", "Ethereum", "Tether", 6, 0, 0, contract=TETHER),
    "ltc": Asset("ltc", "LTC", "Litecoin", "Litecoin", 8, 0, 0),
    "eth": Asset("eth", "ETH", "Ethereum", "Ethereum", 8, 0, 0),
    "zec": Asset("zec", "ZEC", "Zcash", "Zcash", 8, 0, 0),
}
LITECOIN = BitcoinSettings(nodes=NODES, asset="ltc")
ETHEREUM = EvmSettings(nodes=NODES, assets={"eth": EvmAssetSettings(18)})


def test_settings_that_fit_their_network_and_its_assets_are_accepted() -> None:
    for network, settings in (("Litecoin", LITECOIN), ("Ethereum", ETHEREUM)):
        chain = checked_chain(network, settings, ASSETS)
        assert (chain.network.name, chain.settings) == (network, settings)


@pytest.mark.parametrize(
    ("network", "settings", "reason"),
    [
        ("Nowhere", LITECOIN, "cannot be followed"),
        ("Ethereum", LITECOIN, "cannot be followed"),
        ("Litecoin", ETHEREUM, "cannot be followed"),
        ("Zcash", BitcoinSettings(nodes=NODES, asset="zec"), "cannot be followed"),
        ("Litecoin", BitcoinSettings(nodes=NODES, asset="eth"), "has no asset eth"),
        ("Litecoin", BitcoinSettings(nodes=NODES, asset="btc"), "has no asset btc"),
        ("Litecoin", BitcoinSettings(nodes=NODES, asset="ltc", max_fee="much"), "decimal numbers"),
        ("Litecoin", BitcoinSettings(nodes=NODES, asset="ltc", fee_rate="x"), "decimal numbers"),
        ("Ethereum", EvmSettings(nodes=NODES, assets={"eth": EvmAssetSettings(6)}), "8 decimals"),
        ("Ethereum", EvmSettings(nodes=NODES, assets={}, signer=["sign"]), "wallet's address"),
    ],
)
def test_settings_that_do_not_fit_their_network_are_rejected(
    network: str, settings: ChainSettings, reason: str
) -> None:
    with pytest.raises(InvalidChainSettings, match=reason):
        checked_chain(network, settings, ASSETS)


def ethereum(*, test_network: str | None = None, **assets: EvmAssetSettings) -> EvmSettings:
    return EvmSettings(nodes=NODES, assets=assets, test_network=test_network)


@pytest.mark.parametrize("contract", [TETHER, TETHER.lower()])
def test_a_token_is_followed_by_the_contract_that_the_api_states(contract: str) -> None:
    settings = ethereum(eth=EvmAssetSettings(18), usdt=EvmAssetSettings(6, contract))
    assert checked_chain("Ethereum", settings, ASSETS).settings is settings


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (ethereum(usdt=EvmAssetSettings(6, "0x" + "11" * 20)), f"is {TETHER}, not 0x1111"),
        (ethereum(usdt=EvmAssetSettings(6)), f"is {TETHER}, not none"),
        (
            ethereum(eth=EvmAssetSettings(18, TETHER)),
            f"a coin, not {TETHER}",
        ),
    ],
)
def test_another_contract_than_the_api_states_is_rejected(
    settings: EvmSettings, reason: str
) -> None:
    with pytest.raises(InvalidChainSettings, match=reason):
        checked_chain("Ethereum", settings, ASSETS)


def test_tokens_of_test_networks_have_contracts_of_their_own() -> None:
    settings = ethereum(test_network="sepolia", usdt=EvmAssetSettings(6, "0x" + "11" * 20))
    assert checked_chain("Ethereum", settings, ASSETS).settings is settings


def test_a_key_file_signs_and_shows_nothing(tmp_path: Path) -> None:
    key = KeyFile(written(tmp_path / "key", f"0x{KEY.hex()}\n"))
    assert asyncio.run(key.address()) == address_of_key(KEY)
    assert asyncio.run(key.sign(PAYMENT)) == sign(PAYMENT, KEY)
    assert KEY.hex() not in repr(key)


def test_a_key_file_that_others_can_read_is_rejected(tmp_path: Path) -> None:
    for mode in (stat.S_IRGRP, stat.S_IROTH, stat.S_IWGRP):
        with pytest.raises(InvalidKeyFile, match="read by others"):
            KeyFile(written(tmp_path / "key", KEY.hex(), 0o600 | mode))


def test_a_key_file_without_a_key_is_rejected_and_not_repeated(tmp_path: Path) -> None:
    for text in ("", "no hex", KEY.hex()[2:], KEY.hex() * 2):
        with pytest.raises(InvalidKeyFile, match="holds no key") as rejected:
            KeyFile(written(tmp_path / "key", text))
        assert text == "" or text not in str(rejected.value)


def test_a_key_file_behind_a_symbolic_link_is_rejected(tmp_path: Path) -> None:
    written(tmp_path / "key", KEY.hex())
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(InvalidKeyFile):
        KeyFile(tmp_path / "link")


def test_an_external_signer_reads_and_writes_json(tmp_path: Path) -> None:
    script = written(
        tmp_path / "signer",
        '#!/bin/sh\ngrep -q \'"nonce":"0x7"\' && echo \'{"raw":"0x02ff"}\'\n',
        0o700,
    )
    signer = SignerCommand([str(script)], b"a" * 20)
    assert asyncio.run(signer.sign(PAYMENT)) == b"\x02\xff"


@pytest.mark.parametrize("command", ["exit 3", "echo no json", "cat > /dev/null; echo '{}'"])
def test_an_external_signer_that_fails_is_unavailable(tmp_path: Path, command: str) -> None:
    script = written(tmp_path / "signer", f"#!/bin/sh\n{command}\n", 0o700)
    with pytest.raises(SignerFailed):
        asyncio.run(SignerCommand([str(script)], b"a" * 20).sign(PAYMENT))
