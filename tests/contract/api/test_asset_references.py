"""Section 13 of the contract: requests name assets by code, or by chain and contract."""

import json
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, quote_request, send

INVALID = (400, b'{"code":1,"msg":"INVALID_REQUEST"}')
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
USDT_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
USDC_SOLANA = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
USDT_TON = "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"

FIELDS = ("chain", "chainId", "contract")

NAMED: dict[str, tuple[str, dict[str, object]]] = {
    "a chain's coin": ("eth", {"chain": "ethereum", "contract": None}),
    "a chain's coin without a contract": ("eth", {"chain": "ethereum"}),
    "a coin by chain id": ("eth", {"chainId": 1, "contract": None}),
    "the coin of any EVM chain": ("bnb_bsc", {"chain": "evmGeneric", "chainId": 56}),
    "chain and chain id": ("eth_base", {"chain": "base", "chainId": 8453, "contract": None}),
    "a chain without a chain id": ("xmr", {"chain": "monero", "chainId": None, "contract": None}),
    "a chain that is null": ("avax", {"chain": None, "chainId": 43114}),
    "a token": ("usdt_erc20", {"chain": "ethereum", "contract": USDT}),
    "a token in lower case": ("usdt_erc20", {"chain": "ethereum", "contract": USDT.lower()}),
    "a token in upper case": ("usdt_erc20", {"chainId": 1, "contract": USDT.upper()}),
    "a token of any EVM chain": (
        "usdt_erc20",
        {"chain": "evmGeneric", "chainId": 1, "contract": USDT},
    ),
    "a token of Tron": ("usdt_trc20", {"chain": "tron", "contract": USDT_TRON}),
    "a token of Solana": ("usdc_sol", {"chain": "solana", "contract": USDC_SOLANA}),
    "a token of TON": ("usdt_ton", {"chain": "ton", "contract": USDT_TON}),
}

REFERENCES: dict[str, object] = {
    "an empty object": {},
    "only a contract": {"contract": USDT},
    "only null": {"chain": None, "chainId": None, "contract": None},
    "a chain id as text": {"chainId": "1", "contract": None},
    "a chain id as text of an EVM chain": {"chain": "evmGeneric", "chainId": "1"},
    "a chain id in hex": {"chainId": "0x1"},
    "a chain id with a fraction": {"chainId": 1.5},
    "a chain id that is true": {"chainId": True},
    "a chain id of zero": {"chainId": 0},
    "a negative chain id": {"chainId": -1},
    "a chain id of 30 digits": {"chainId": 10**29},
    "a chain id that is a list": {"chainId": [1]},
    "an unknown chain id": {"chainId": 999_999_999},
    "a chain id of another chain": {"chain": "ethereum", "chainId": 56},
    "a chain id of a chain without one": {"chain": "bitcoin", "chainId": 1},
    "a contract of another EVM chain": {"chain": "bnbsmartchain", "contract": USDT},
    "a contract of another EVM chain id": {"chainId": 8453, "contract": USDT},
    "a contract of another family": {"chain": "ethereum", "contract": USDT_TRON},
    "an EVM contract on Tron": {"chain": "tron", "contract": USDT},
    "a contract on a chain without tokens": {"chain": "bitcoin", "contract": USDT},
    "an unknown contract": {"chain": "ethereum", "contract": "0x" + "11" * 20},
    "the zero address as the coin": {"chain": "ethereum", "contract": "0x" + "00" * 20},
    "a code as the contract": {"chain": "ethereum", "contract": "usdt_erc20"},
    "an empty contract": {"chain": "ethereum", "contract": ""},
    "a contract without 0x": {"chain": "ethereum", "contract": USDT[2:]},
    "a contract that is cut off": {"chain": "ethereum", "contract": USDT[:-1]},
    "a contract with a leading space": {"chain": "ethereum", "contract": f" {USDT}"},
    "a contract with a trailing line feed": {"chain": "ethereum", "contract": f"{USDT}\n"},
    "a contract that is a number": {"chain": "ethereum", "contract": 0},
    "a contract that is a list": {"chain": "ethereum", "contract": [USDT]},
    "a contract that is an object": {"chain": "ethereum", "contract": {}},
    "a contract of 60,000 characters": {"chain": "ethereum", "contract": "0" * 60_000},
    "a contract with a Cyrillic letter": {"chain": "ethereum", "contract": f"0\u0445{USDT[2:]}"},
    "a contract of Tron in lower case": {"chain": "tron", "contract": USDT_TRON.lower()},
    "a contract of Solana in upper case": {"chain": "solana", "contract": USDC_SOLANA.upper()},
    "an unknown chain": {"chain": "narnia"},
    "an empty chain": {"chain": ""},
    "a chain in upper case": {"chain": "ETHEREUM"},
    "a network's name": {"chain": "Ethereum"},
    "a chain with a space": {"chain": "ethereum "},
    "a chain that is a number": {"chain": 1},
    "a chain that is an object": {"chain": {"name": "ethereum"}},
    "any EVM chain without a chain id": {"chain": "evmGeneric", "contract": USDT},
    "any EVM chain with null": {"chain": "evmGeneric", "chainId": None, "contract": None},
    "another spelling of any EVM chain": {"chain": "evmgeneric", "chainId": 1},
    "an unknown field": {"chain": "ethereum", "contract": None, "name": "Ether"},
    "a misspelled contract": {"chain": "ethereum", "contractAddress": USDT},
    "a misspelled chain id": {"chain_id": 1, "contract": USDT},
    "a code in the object": {"code": "btc"},
    "a code in place of the object": "btc",
    "a list": ["ethereum", None],
    "a number": 1,
    "true": True,
}


@pytest.fixture(scope="session")
def partner(up: Running) -> Partner:
    return up.partner()


def asked(**changes: object) -> dict[str, Any]:
    """Return a request to price a swap; a field that is None is left out."""
    request = {**quote_request(), **changes}
    return {name: value for name, value in request.items() if value is not None}


def price(up: Running, request: dict[str, Any] | bytes) -> Response:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return send(f"{up.base_url}/v1/price", body)


def test_every_currency_is_found_by_its_own_chain_and_contract(up: Running) -> None:
    currencies = send(f"{up.base_url}/v1/currencies").data
    for one in currencies:
        reference = {name: one[name] for name in FIELDS}
        other = "ltc" if one["code"] == "btc" else "btc"
        quoted = price(up, asked(fromCcy=other, toCcy=None, amount="1", to=reference)).data
        assert {name: quoted["to"][name] for name in ("code", *reference)} == {
            "code": one["code"],
            **reference,
        }


@pytest.mark.parametrize("name", list(NAMED))
def test_an_asset_is_named_by_chain_and_contract_on_both_sides(up: Running, name: str) -> None:
    code, reference = NAMED[name]
    sold = asked(fromCcy=None, toCcy="btc", amount="1000", **{"from": reference})
    bought = asked(fromCcy="btc", toCcy=None, to=reference)
    assert price(up, sold).data["from"]["code"] == code
    assert price(up, bought).data["to"]["code"] == code


def test_both_sides_are_named_by_reference(up: Running) -> None:
    references = {"from": {"chain": "bitcoin"}, "to": {"chain": "tron", "contract": USDT_TRON}}
    data = price(up, asked(fromCcy=None, toCcy=None, **references)).data
    assert (data["from"]["code"], data["to"]["code"]) == ("btc", "usdt_trc20")


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_reference_that_names_no_asset_is_rejected_on_both_sides(up: Running, name: str) -> None:
    reference = REFERENCES[name]
    for request in (
        asked(fromCcy=None, **{"from": reference}),
        asked(toCcy=None, to=reference),
    ):
        response = price(up, request)
        assert (response.status, response.body) == INVALID


BODIES: dict[str, dict[str, Any] | bytes] = {
    "both forms of the source": asked(**{"from": {"chain": "bitcoin"}}),
    "both forms of the destination": asked(to={"chain": "tron", "contract": USDT_TRON}),
    "both forms, of different assets": asked(**{"from": {"chain": "litecoin"}}),
    "both forms of both sides": asked(
        **{"from": {"chain": "bitcoin"}, "to": {"chain": "tron", "contract": USDT_TRON}}
    ),
    "neither form of the source": asked(fromCcy=None),
    "neither form of the destination": asked(toCcy=None),
    "neither form of any side": asked(fromCcy=None, toCcy=None),
    "two forms that are null": {**asked(), "fromCcy": None, "from": None},
    "one asset on both sides": asked(toCcy=None, to={"chain": "bitcoin"}),
    "one asset on both sides, by reference": asked(
        fromCcy=None, toCcy=None, **{"from": {"chain": "bitcoin"}, "to": {"chain": "bitcoin"}}
    ),
    "a repeated reference": b'{"type":"float","from":{"chain":"bitcoin"},'
    b'"from":{"chain":"bitcoin"},"toCcy":"eth","direction":"from","amount":"0.01"}',
    "a repeated field of a reference": b'{"type":"float","from":{"chain":"litecoin",'
    b'"chain":"bitcoin"},"toCcy":"eth","direction":"from","amount":"0.01"}',
    "a reference that is cut off": b'{"type":"float","from":{"chain":"bitcoin"',
}


@pytest.mark.parametrize("name", list(BODIES))
def test_each_side_is_named_in_exactly_one_form(up: Running, name: str) -> None:
    response = price(up, BODIES[name])
    assert (response.status, response.body) == INVALID


def test_a_form_that_is_null_counts_as_left_out(up: Running) -> None:
    request = {**asked(), "from": None, "to": None}
    assert price(up, request).data["from"]["code"] == "btc"
    by_reference = {**request, "fromCcy": None, "from": {"chain": "bitcoin"}}
    assert price(up, by_reference).data["from"]["code"] == "btc"


def test_an_order_is_opened_by_reference(partner: Partner) -> None:
    request = asked(
        fromCcy=None,
        toCcy=None,
        toAddress="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        refundAddress="bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        **{"from": {"chain": "bitcoin"}, "to": {"chain": "tron", "contract": USDT_TRON}},
    )
    order = partner.call("/create", request).data
    assert (order["from"]["code"], order["to"]["code"]) == ("btc", "usdt_trc20")
    shown = partner.call("/order", {"id": order["id"], "token": order["token"]}).data
    for one in (order, shown):
        sides = [[one[side][name] for name in FIELDS] for side in ("from", "to")]
        assert sides == [["bitcoin", None, None], ["tron", None, USDT_TRON]]
    both = {**request, "fromCcy": "btc"}
    response = partner.call("/create", both)
    assert (response.status, response.body) == INVALID
