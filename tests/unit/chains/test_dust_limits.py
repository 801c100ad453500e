"""The dust limit of each network is the bound of its rules that holds for every form of address."""

import pytest

from domain.chains.networks import NETWORKS
from domain.chains.networks.bitcoin import BitcoinNetwork

COIN = 10**8
"""Units of a dust limit in a coin."""

DUST_RATES = {
    "Bitcoin": 3_000,
    "Litecoin": 30_000,
    "Dash": 3_000,
    "Bitcoin Cash": 3_000,
    "Zcash": 300,
}
"""Units per 1,000 bytes: DUST_RELAY_TX_FEE, or three times the rate where nodes multiply."""

KEY_HASH, SCRIPT_HASH, KEY_PROGRAM, LONG_PROGRAM = 25, 23, 22, 34
"""Bytes of the output scripts of P2PKH, P2SH, P2WPKH, and of P2WSH and P2TR."""

INPUT, SEGWIT_INPUT = 148, 67
"""Bytes of the input that spends such an output, as GetDustThreshold estimates it."""

ANY_AMOUNT = {
    **dict.fromkeys(
        ("Ethereum", "BNB Smart Chain", "Polygon", "Arbitrum", "Base", "Avalanche"),
        "an account exists by its address alone",
    ),
    "Tron": "the sender pays for the account that a payment creates",
    "TON": "an account that is not deployed holds any amount",
    "Cosmos": "an account exists from its first payment",
    "Monero": "outputs are of any amount",
}


def dust(script: int, rate: int) -> int:
    """Return the least output that is not dust: value, length and script, and its input."""
    spending = SEGWIT_INPUT if script in (KEY_PROGRAM, LONG_PROGRAM) else INPUT
    return (8 + 1 + script + spending) * rate // 1_000


def least_cardano_output(address_bytes: int) -> int:
    """Return lovelace by CIP-55: the output is a map of address and coins in CBOR."""
    output = 1 + (1 + 2 + address_bytes) + (1 + 5)
    return (160 + output) * 4_310


def longest_byron_address() -> int:
    """Return bytes of a tagged payload: its root, 64 bytes of derivation path, type, checksum."""
    attributes = 1 + 1 + 2 + 2 + 64
    payload = 1 + (2 + 28) + attributes + 1
    return 1 + 2 + 2 + payload + 5


def rules() -> dict[str, list[int]]:
    """Return the least payments of the forms of address of each network with such a rule."""
    found = {}
    for name, rate in DUST_RATES.items():
        network = NETWORKS[name]
        has_segwit = isinstance(network, BitcoinNetwork) and network.segwit_prefix is not None
        segwit = (KEY_PROGRAM, LONG_PROGRAM) if has_segwit else ()
        found[name] = [dust(script, rate) for script in (KEY_HASH, SCRIPT_HASH, *segwit)]
    shelley_base, shelley_enterprise = 57, 29
    lengths = (shelley_base, shelley_enterprise, longest_byron_address())
    return {
        **found,
        "Dogecoin": [COIN // 1_000, COIN // 100],
        "Cardano": [least_cardano_output(length) * 100 for length in lengths],
        "Solana": [128 * 3_480 * 2 // 10],
        "XRP Ledger": [COIN],
        "Stellar": [2 * COIN // 2],
    }


def test_the_rule_of_bitcoin_yields_the_published_dust_limits() -> None:
    assert rules()["Bitcoin"] == [546, 540, 294, 330]


def test_every_network_has_a_rule_of_its_least_payment_or_delivers_any_amount() -> None:
    assert sorted([*rules(), *ANY_AMOUNT]) == sorted(NETWORKS)


@pytest.mark.parametrize(("name", "least_payments"), rules().items(), ids=rules())
def test_the_limit_is_what_the_form_of_address_that_needs_most_accepts(
    name: str, least_payments: list[int]
) -> None:
    assert NETWORKS[name].dust_limit == max(least_payments)


@pytest.mark.parametrize("name", ANY_AMOUNT)
def test_a_network_that_delivers_any_amount_has_no_limit(name: str) -> None:
    assert NETWORKS[name].dust_limit == 0
