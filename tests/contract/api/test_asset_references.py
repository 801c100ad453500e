"""Section 13 of the contract: requests name assets by code, or by chain and contract."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.bad_input.assets import (
    BODIES,
    REFERENCES,
    USDC_SOLANA,
    USDT,
    USDT_TRON,
    asked,
)
from tests.support.clients.partner import Partner, Response, order_request, send

INVALID = (400, b'{"code":1,"msg":"INVALID_REQUEST"}')
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


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner whose budget other tests do not use."""
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@assets.example")
    up.json("partner", "set", created["email"], "--budget", "1000000")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()


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
def test_a_reference_that_names_no_asset_is_rejected_on_both_sides(
    up: Running, partner: Partner, name: str
) -> None:
    reference = REFERENCES[name]
    addresses = {field: order_request()[field] for field in ("toAddress", "refundAddress")}
    for request in (
        asked(fromCcy=None, **{"from": reference}),
        asked(toCcy=None, to=reference),
    ):
        for response in (price(up, request), partner.call("/create", {**request, **addresses})):
            assert (response.status, response.body) == INVALID


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
