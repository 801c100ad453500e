"""The file of nodes and hot wallets, and key files: refused where others could read them."""

import asyncio
import stat
from pathlib import Path

import pytest

from feeds.key_file import InvalidKeyFile
from feeds.settlement.chains.evm.signers import KeyFile, SignerCommand, SignerFailed
from feeds.settlement.chains.evm.transaction import Transaction, address_of_key, sign
from feeds.settlement.chains.settings import (
    BitcoinSettings,
    EvmSettings,
    InvalidChainSettings,
    check_chain,
    read_chains_file,
)
from tests.unit.orders.test_orders import asset

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


def test_the_file_says_which_nodes_there_are(tmp_path: Path) -> None:
    found = read_chains_file(written(tmp_path / "chains.toml", GOOD))
    assert found == {
        "Litecoin": BitcoinSettings(nodes=("http://me:secret@one", "http://two"), asset="ltc")
    }
    assert "secret" not in repr(found)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    for mode in (0o640, 0o604):
        with pytest.raises(InvalidChainSettings, match="can be read by others"):
            read_chains_file(written(tmp_path / "chains.toml", GOOD, mode))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace('"bitcoin"', '"other"'),
        GOOD.replace(', "http://two"', ""),
        GOOD + "nodez = 1",
        GOOD.replace("asset", "assets"),
        "[Litecoin",
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidChainSettings):
        read_chains_file(written(tmp_path / "chains.toml", text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidChainSettings, match="can't be read"):
        read_chains_file(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("network", "chain"),
    [
        ("aaa", BitcoinSettings(nodes=("a", "b"), asset="aaa")),
        ("Litecoin", BitcoinSettings(nodes=("a", "b"), asset="ltc")),
        ("aaa", EvmSettings(nodes=("a", "b"), assets={}, signer=["sign"])),
    ],
)
def test_what_does_not_fit_the_catalogue_is_refused(
    network: str, chain: BitcoinSettings | EvmSettings
) -> None:
    with pytest.raises(InvalidChainSettings):
        check_chain(network, chain, {"aaa": asset("aaa")})


def test_a_key_file_signs_and_shows_nothing(tmp_path: Path) -> None:
    key = KeyFile(written(tmp_path / "key", f"0x{KEY.hex()}\n"))
    assert asyncio.run(key.address()) == address_of_key(KEY)
    assert asyncio.run(key.sign(PAYMENT)) == sign(PAYMENT, KEY)
    assert KEY.hex() not in repr(key)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    for mode in (stat.S_IRGRP, stat.S_IROTH, stat.S_IWGRP):
        with pytest.raises(InvalidKeyFile, match="read by others"):
            KeyFile(written(tmp_path / "key", KEY.hex(), 0o600 | mode))


def test_a_key_file_without_a_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for text in ("", "no hex", KEY.hex()[2:], KEY.hex() * 2):
        with pytest.raises(InvalidKeyFile, match="holds no key") as refused:
            KeyFile(written(tmp_path / "key", text))
        assert text == "" or text not in str(refused.value)


def test_a_key_file_behind_a_link_is_refused(tmp_path: Path) -> None:
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
