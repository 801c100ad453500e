"""The operator sets pay-in accounts and imports pools: public keys only, and no address twice."""

from pathlib import Path

import psycopg
import pytest
from bip_utils import Bip44, Bip44Changes, Bip44Coins, Bip84, Bip84Coins

from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.world import SEED, ethereum_account, litecoin_account
from tests.support.clients.operator_command import Operator, new_operator

SOLANA = [
    "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T",
    "9B5XszUGdMaxCZ7uSQhPzdks5ZQSmWxrmzCSvtJ6Ns6g",
]


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def test_setting_an_account_shows_its_wallets_first_addresses(operator: Operator) -> None:
    litecoin = operator.json("pay-in", "set", "litecoin", litecoin_account())
    account = Bip84.FromSeed(SEED, Bip84Coins.LITECOIN).Purpose().Coin().Account(0)
    receiving = account.Change(Bip44Changes.CHAIN_EXT)
    wallets = [receiving.AddressIndex(index).PublicKey().ToAddress() for index in range(3)]
    assert litecoin == {"network": "Litecoin", "kind": "bip84", "firstAddresses": wallets}

    ethereum = operator.json("pay-in", "set", "Ethereum", ethereum_account())
    account = Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM).Purpose().Coin().Account(0)
    receiving = account.Change(Bip44Changes.CHAIN_EXT)
    wallets = [receiving.AddressIndex(index).PublicKey().ToAddress() for index in range(3)]
    assert ethereum["firstAddresses"] == wallets


def test_a_private_key_is_rejected_and_not_repeated(operator: Operator) -> None:
    account = Bip84.FromSeed(SEED, Bip84Coins.LITECOIN).Purpose().Coin().Account(0)
    private = account.PrivateKey().ToExtended()
    message = operator.error("pay-in", "set", "Litecoin", private)
    assert "private keys are rejected" in message
    assert private not in message
    assert operator.json("pay-in", "list") == []


def test_another_account_deletes_the_free_addresses_of_the_previous_one(operator: Operator) -> None:
    operator.json("pay-in", "set", "Bitcoin", bitcoin_account(0))
    operator.sql(
        "INSERT INTO pay_in_addresses (network, address, derivation_index)"
        " VALUES ('Bitcoin', 'free', 0)"
    )
    operator.json("pay-in", "set", "Bitcoin", bitcoin_account(0))
    assert operator.sql("SELECT count(*) FROM pay_in_addresses") == [(1,)]
    operator.json("pay-in", "set", "Bitcoin", bitcoin_account(1))
    assert operator.sql("SELECT count(*) FROM pay_in_addresses") == [(0,)]
    assert operator.json("pay-in", "list")[0]["nextIndex"] == 0


def test_an_assigned_address_is_never_deleted(operator: Operator) -> None:
    operator.order()
    with (
        psycopg.connect(operator.urls.admin) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="reserved for good"),
    ):
        connection.execute("DELETE FROM pay_in_addresses")
    operator.json("pay-in", "set", "Bitcoin", bitcoin_account(1))
    assert operator.sql("SELECT count(*) FROM pay_in_addresses WHERE order_id IS NOT NULL") == [
        (1,)
    ]


def test_an_imported_pool_contains_each_address_once(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "pool.txt"
    file.write_text("\n".join(SOLANA))
    imported = operator.json("pay-in", "import", "solana", str(file))
    assert imported == {"network": "Solana", "added": 2, "knownBefore": 0}
    again = operator.json("pay-in", "import", "Solana", str(file))
    assert again == {"network": "Solana", "added": 0, "knownBefore": 2}
    assert operator.json("pay-in", "list") == [
        {"network": "Solana", "kind": "imported", "nextIndex": 4, "free": 2, "reuse": False}
    ]
    assert operator.json("reconcile") == {"differences": []}


POOLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Ethereum": (
        "0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
        (
            "0x9858effd232b4033e47d90003d41ec34ecaeda94",
            "0x9858EFFD232B4033E47D90003D41EC34ECAEDA94",
            "0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
        ),
    ),
    "Litecoin": (
        "ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z4nqduv",
        (
            "LTC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z4NQDUV",
            "ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z4nqduv",
        ),
    ),
    "Bitcoin Cash": (
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        (
            "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
            "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        ),
    ),
}


@pytest.mark.parametrize("network", POOLS)
def test_an_address_is_imported_once_however_it_is_written(
    operator: Operator, tmp_path: Path, network: str
) -> None:
    canonical, texts = POOLS[network]
    file = tmp_path / "pool.txt"
    file.write_text("\n".join(texts))
    imported = operator.json("pay-in", "import", network, str(file))
    assert imported == {"network": network, "added": 1, "knownBefore": len(texts) - 1}
    for text in texts:
        file.write_text(text)
        again = operator.json("pay-in", "import", network, str(file))
        assert again == {"network": network, "added": 0, "knownBefore": 1}
    assert operator.sql("SELECT address FROM pay_in_addresses") == [(canonical,)]


@pytest.mark.parametrize("network", POOLS)
def test_an_address_that_an_earlier_version_imported_as_it_was_written_is_known(
    operator: Operator, tmp_path: Path, network: str
) -> None:
    canonical, (written, *_) = POOLS[network]
    file = tmp_path / "pool.txt"
    file.write_text(canonical)
    operator.json("pay-in", "import", network, str(file))
    operator.sql("UPDATE pay_in_addresses SET address = %s", written)
    for text in (canonical, written):
        file.write_text(text)
        assert operator.json("pay-in", "import", network, str(file))["added"] == 0


def test_a_pool_with_an_invalid_address_is_rejected(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "pool.txt"
    file.write_text(f"{SOLANA[0]}\nnot-an-address\n")
    assert "Address 2 cannot be used" in operator.error("pay-in", "import", "Solana", str(file))
    assert "cannot be read" in operator.error("pay-in", "import", "Solana", str(tmp_path))
    assert operator.json("pay-in", "list") == []


def test_a_network_has_either_derived_or_imported_addresses(
    operator: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "pool.txt"
    file.write_text("ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z4nqduv\n")
    assert "pay-in import" in operator.error("pay-in", "set", "Solana", "x" * 20)
    operator.json("pay-in", "set", "Litecoin", litecoin_account())
    assert "are derived" in operator.error("pay-in", "import", "Litecoin", str(file))


def test_orders_of_a_network_with_tags_share_one_address(operator: Operator) -> None:
    address = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH"
    shown = operator.json("pay-in", "set", "XRP Ledger", address)["firstAddresses"]
    assert shown == [f"{address} {100_000_000 + index}" for index in range(3)]


def test_a_sandbox_accepts_no_other_account(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = new_operator(database_urls, servers, tmp_path)
    assert "made up" in operator.error("pay-in", "set", "Litecoin", litecoin_account())


def bitcoin_account(index: int) -> str:
    account = Bip84.FromSeed(SEED, Bip84Coins.BITCOIN).Purpose().Coin().Account(index)
    return str(account.PublicKey().ToExtended())
