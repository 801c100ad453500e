"""Addresses, scripts and transactions are encoded as in the test vectors of their standards."""

import pytest

from domain.chains.networks.bitcoin import BY_NAME
from domain.chains.networks.evm import checksummed
from domain.errors import InvalidAddress
from feeds.settlement.chains.bitcoin.scripts import address_of, script_of
from feeds.settlement.chains.evm.addresses import address_bytes
from feeds.settlement.chains.evm.transaction import (
    Transaction,
    address_of_key,
    rlp,
    sign,
    signer_of,
)
from tests.support.chains.erc20 import assemble

KEY = (1).to_bytes(32, "big")
PAYMENT = Transaction(
    chain_id=1,
    nonce=0,
    max_priority_fee=10**9,
    max_fee=30 * 10**9,
    gas=21_000,
    to=bytes(range(20)),
    value=10**18,
)


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", "83646f67"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        (b"", "80"),
        ([], "c0"),
        (b"\x0f", "0f"),
        (b"\x04\x00", "820400"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"l" * 56, "b838" + "6c" * 56),
    ],
)
def test_rlp_encodes_the_examples_of_ethereum(item: object, encoded: str) -> None:
    assert rlp(item).hex() == encoded  # type: ignore[arg-type]


def test_the_address_of_a_key_is_the_one_that_ethereum_derives() -> None:
    address = checksummed("0x" + address_of_key(KEY).hex())
    assert address == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


@pytest.mark.parametrize(
    "address",
    [  # EIP-55
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksums_equal_the_examples_of_eip_55(address: str) -> None:
    assert checksummed(address.lower()) == address
    assert address_bytes(address) == bytes.fromhex(address[2:])


@pytest.mark.parametrize("nonce", range(40))
def test_the_signer_is_recovered_from_signatures_with_short_numbers(nonce: int) -> None:
    raw = sign(_with(nonce=nonce), KEY)
    assert signer_of(_with(nonce=nonce), raw) == address_of_key(KEY)


def test_a_signature_of_another_transaction_has_no_signer() -> None:
    raw = sign(PAYMENT, KEY)
    assert signer_of(_with(value=10**18 + 1), raw) is None
    assert signer_of(_with(to=bytes(20)), raw) is None
    assert signer_of(PAYMENT, raw + b"\0") is None
    assert signer_of(PAYMENT, b"") is None


@pytest.mark.parametrize(
    ("network", "address", "script"),
    [
        # BIP 173, BIP 350
        (
            "Bitcoin",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            "Bitcoin",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        # the key of the genesis block, and the form of BIP 16
        (
            "Bitcoin",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
        ),
        (
            "Bitcoin",
            "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
            "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87",
        ),
    ],
)
def test_addresses_and_scripts_convert_both_ways(network: str, address: str, script: str) -> None:
    assert script_of(BY_NAME[network], address).hex() == script
    assert address_of(BY_NAME[network], bytes.fromhex(script)) == address


def test_scripts_of_other_forms_have_no_address() -> None:
    for script in ("6a0568656c6c6f", "", "51", "0014", "52020000"):
        assert address_of(BY_NAME["Litecoin"], bytes.fromhex(script)) is None


def test_another_networks_address_has_no_script() -> None:
    with pytest.raises(InvalidAddress):
        script_of(BY_NAME["Litecoin"], "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


def test_the_assembler_of_the_test_token_resolves_labels() -> None:
    assert assemble("@end JUMPI :end 0x00").hex() == "610004575b6000"


def _with(**changes: object) -> Transaction:
    fields = {name: getattr(PAYMENT, name) for name in PAYMENT.__struct_fields__}
    return Transaction(**{**fields, **changes})
