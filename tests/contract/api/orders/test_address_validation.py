"""Section 15 of the contract: /v1/address/validate."""

import pytest

from tests.conftest import Running
from tests.support.bad_input.addresses import BITCOIN, ETHEREUM, INVALID, RIPPLE
from tests.support.builders.orders import Swaps
from tests.support.clients.partner import Response, send

TRON = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
STELLAR = "GAIH3ULLFQ4DGSECF2AR555KZ4KNDGEKN4AFI4SU2M7B43MGK3QJZNSR"
SOLANA = "7v91N7iZ9mNicL8WfG6cgSCKyRXydQjLh6UYBWwm6y1Q"


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


def validate(swaps: Swaps, **fields: object) -> Response:
    return swaps.partner.call("/address/validate", fields)


def reason(swaps: Swaps, code: str, address: str, **fields: object) -> object:
    data = validate(swaps, ccy=code, address=address, **fields).data
    assert list(data) == ["valid", "reason"]
    assert data["valid"] is (data["reason"] is None)
    return data["reason"]


ADDRESSES: dict[str, tuple[str, str, object, object]] = {
    "segwit": ("btc", BITCOIN, None, None),
    "segwit in upper case": ("btc", BITCOIN.upper(), None, None),
    "segwit in mixed case": ("btc", "BC1" + BITCOIN[3:], None, "FORMAT"),
    "a mistyped segwit address": ("btc", BITCOIN[:-1] + "x", None, "CHECKSUM"),
    "a mistyped base58 address": ("btc", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", None, "CHECKSUM"),
    "a base58 address that was cut off": (
        "btc",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN",
        None,
        "CHECKSUM",
    ),
    "another network's segwit address": (
        "btc",
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        None,
        "NETWORK",
    ),
    "a Tron address for Bitcoin": ("btc", TRON, None, "NETWORK"),
    "a Bitcoin address for Tron": ("usdt_trc20", BITCOIN, None, "NETWORK"),
    "an EVM address for Tron": ("usdt_trc20", ETHEREUM, None, "NETWORK"),
    "Tron": ("usdt_trc20", TRON, None, None),
    "a mistyped Tron address": ("usdt_trc20", TRON[:-1] + "9", None, "CHECKSUM"),
    "Ethereum": ("eth", ETHEREUM, None, None),
    "Ethereum in lower case": ("eth", ETHEREUM.lower(), None, None),
    "Ethereum with a wrong checksum": ("eth", ETHEREUM[:-1] + "5", None, "CHECKSUM"),
    "Ethereum's zero address": ("eth", "0x" + "0" * 40, None, "FORMAT"),
    "Ethereum with a digit less": ("eth", ETHEREUM[:-1], None, "FORMAT"),
    "Ethereum without 0x": ("eth", ETHEREUM[2:], None, "FORMAT"),
    "Solana": ("sol", SOLANA, None, None),
    "Stellar": ("xlm", STELLAR, None, None),
    "Stellar with a memo": ("xlm", STELLAR, "order 7", None),
    "Stellar with a memo of 29 bytes": ("xlm", STELLAR, "x" * 29, "TAG_INVALID"),
    "a mistyped Stellar address": ("xlm", STELLAR[:-1] + "S", None, "CHECKSUM"),
    "the XRP Ledger": ("xrp", RIPPLE, None, None),
    "the XRP Ledger with a tag": ("xrp", RIPPLE, "4294967295", None),
    "the XRP Ledger with a tag above 32 bits": ("xrp", RIPPLE, "4294967296", "TAG_INVALID"),
    "the XRP Ledger with an empty tag": ("xrp", RIPPLE, "", "TAG_INVALID"),
    "the XRP Ledger with Unicode digits": ("xrp", RIPPLE, "\uff11", "TAG_INVALID"),
    "a mistyped address with a tag": ("xrp", RIPPLE[:-1] + "m", "1", "CHECKSUM"),
    "a tag on a network without tags": ("btc", BITCOIN, "1", "TAG_INVALID"),
    "an empty tag on a network without tags": ("btc", BITCOIN, "", "TAG_INVALID"),
    "nothing": ("btc", "", None, "FORMAT"),
    "a space": ("btc", " ", None, "FORMAT"),
    "a trailing line feed": ("btc", BITCOIN + "\n", None, "FORMAT"),
    "a leading space": ("btc", " " + BITCOIN, None, "FORMAT"),
    "a payment URI": ("btc", f"bitcoin:{BITCOIN}?amount=1", None, "FORMAT"),
    "Unicode": ("btc", "\u0431c1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", None, "FORMAT"),
    "a zero byte": ("btc", BITCOIN + "\0", None, "FORMAT"),
    "60,000 characters": ("btc", "b" * 60_000, None, "FORMAT"),
    "SQL": ("btc", "'; DROP TABLE orders; --", None, "FORMAT"),
    "HTML": ("btc", "<script>alert(1)</script>", None, "FORMAT"),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_is_valid_or_has_a_reason(swaps: Swaps, name: str) -> None:
    code, address, tag, expected = ADDRESSES[name]
    assert reason(swaps, code, address, tag=tag) == expected


def test_pay_in_addresses_are_our_own(swaps: Swaps) -> None:
    bitcoin = swaps.opened()["from"]["address"]
    assert reason(swaps, "btc", bitcoin) == "OWN_ADDRESS"
    assert reason(swaps, "btc", bitcoin.upper()) == "OWN_ADDRESS"
    ethereum = swaps.opened(fromCcy="eth", amount="0.1", refundAddress=ETHEREUM)["from"]["address"]
    for spelling in (ethereum, ethereum.lower()):
        assert reason(swaps, "eth", spelling) == "OWN_ADDRESS"
    ripple = swaps.opened(fromCcy="xrp", amount="100", refundAddress=RIPPLE)["from"]
    assert reason(swaps, "xrp", ripple["address"]) == "OWN_ADDRESS"
    assert reason(swaps, "xrp", ripple["address"], tag="1") == "OWN_ADDRESS"


def test_unsigned_calls_are_accepted_and_limited_per_address(swaps: Swaps) -> None:
    body = b'{"asset":{"chain":"bitcoin"},"address":"%s"}' % BITCOIN.encode()
    url = f"{swaps.up.base_url}/v1/address/validate"
    assert send(url, body).data == {"valid": True, "reason": None}
    assert "ratelimit" not in send(url, body).headers


def test_an_asset_may_be_named_by_chain_and_contract(swaps: Swaps) -> None:
    assert validate(swaps, asset={"chainId": 1}, address=ETHEREUM).data["valid"] is True
    assert validate(swaps, asset={"chain": "tron"}, address=TRON).data["valid"] is True


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_field_is_rejected(swaps: Swaps, name: str) -> None:
    response = validate(swaps, **INVALID[name])
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')
