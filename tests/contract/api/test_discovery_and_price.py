"""Sections 5 and 7 of the contract: currencies, pairs and prices, to the last digit."""

import json
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, quote_request, send
from tests.support.waiting import wait_until

CURRENCY_FIELDS = [
    "code",
    "coin",
    "network",
    "chain",
    "chainId",
    "contract",
    "name",
    "recv",
    "send",
    "tag",
    "logo",
    "color",
    "minAmount",
    "maxAmount",
    "precision",
]
NAMED_IN_THE_CONTRACT = {
    *("btc", "eth", "ltc", "doge", "bch", "trx", "usdt_trc20", "usdt_erc20", "usdc_erc20"),
    *("xmr", "xrp", "sol", "ton", "bnb_bsc", "matic_polygon", "ada"),
}


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.partner()


@pytest.fixture(scope="module")
def currencies(up: Running) -> dict[str, dict[str, Any]]:
    return {one["code"]: one for one in send(f"{up.base_url}/v1/currencies").data}


def price(up: Running, **changes: object) -> Response:
    return send(f"{up.base_url}/v1/price", json.dumps(quote_request(**changes)).encode())


def test_currencies_have_the_fields_of_the_contract(
    currencies: dict[str, dict[str, Any]],
) -> None:
    assert currencies.keys() >= NAMED_IN_THE_CONTRACT
    assert len({one["network"] for one in currencies.values()}) >= 10
    assert all(list(one) == CURRENCY_FIELDS for one in currencies.values())
    assert currencies["usdt_trc20"] == {
        "code": "usdt_trc20",
        "coin": "USDT",
        "network": "Tron",
        "chain": "tron",
        "chainId": None,
        "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "name": "Tether (Tron)",
        "recv": True,
        "send": True,
        "tag": None,
        "logo": None,
        "color": None,
        "minAmount": None,
        "maxAmount": None,
        "precision": 6,
    }
    assert currencies["xrp"]["tag"] == "Destination tag"


def test_every_pair_of_two_currencies_is_listed(
    up: Running, currencies: dict[str, dict[str, Any]]
) -> None:
    pairs = send(f"{up.base_url}/v1/pairs").data
    assert {
        "from": "btc",
        "to": "usdt_trc20",
        "fromNetwork": "Bitcoin",
        "toNetwork": "Tron",
        "rateTypes": ["FLOAT"],
    } in pairs
    assert len(pairs) == len(currencies) * (len(currencies) - 1)


def reproduces(data: dict[str, Any]) -> bool:
    """Return whether `to.amount` = `from.amount` x `from.rate` - `networkFee`, rounded down."""
    with localcontext(prec=80):
        paid = Decimal(data["from"]["amount"]) * Decimal(data["from"]["rate"])
        unit = Decimal(1).scaleb(-data["to"]["precision"])
        return (paid - Decimal(data["networkFee"])).quantize(unit, rounding=ROUND_FLOOR) == Decimal(
            data["to"]["amount"]
        )


def source_amount(data: dict[str, Any]) -> Decimal:
    """Return (`to.amount` + `networkFee`) / `from.rate`, rounded up."""
    with localcontext(prec=80):
        gross = Decimal(data["to"]["amount"]) + Decimal(data["networkFee"])
        unit = Decimal(1).scaleb(-data["from"]["precision"])
        return (gross / Decimal(data["from"]["rate"])).quantize(unit, rounding=ROUND_CEILING)


def test_a_quote_has_the_fields_of_the_contract(up: Running, partner: Partner) -> None:
    data = partner.call("/price", quote_request()).data
    assert list(data) == ["from", "to", "networkFee", "errors", "markupBps"]
    side = {"code", "coin", "network", "chain", "chainId", "contract", "amount", "rate"}
    side |= {"precision", "min", "max", "usd"}
    assert set(data["from"]) == {*side, "btc"}
    assert set(data["to"]) == side
    assert data["from"]["amount"] == data["from"]["btc"] == "0.01000000"
    assert (data["networkFee"], data["errors"], data["markupBps"]) == ("1.200000", [], 50)
    assert price(up).data["markupBps"] == 0, "unsigned calls have no markup"
    assert reproduces(data)


@pytest.mark.parametrize("source", ["btc", "xmr", "usdt_trc20", "doge", "xlm"])
@pytest.mark.parametrize("destination", ["eth", "trx", "sol", "usdc_base"])
def test_published_numbers_reproduce_quotes_in_both_directions(
    up: Running, source: str, destination: str
) -> None:
    dollars = price(up, fromCcy=source, toCcy="usdc_erc20", amount="1").data["from"]["usd"]
    amount = (100 / Decimal(dollars)).quantize(Decimal("0.000001"))
    forth = price(up, fromCcy=source, toCcy=destination, amount=f"{amount:f}").data
    assert forth["errors"] == []
    assert reproduces(forth)
    back = price(
        up, fromCcy=source, toCcy=destination, direction="to", amount=forth["to"]["amount"]
    ).data
    assert Decimal(back["from"]["amount"]) == source_amount(back)
    for side in (forth["from"], forth["to"], back["from"], back["to"]):
        for amount_field in ("amount", "min", "max"):
            decimals = side[amount_field].partition(".")[2]
            assert len(decimals) == side["precision"]
        whole, _, decimals = side["rate"].partition(".")
        assert len(decimals) >= 8
        assert len((whole + decimals).lstrip("0")) >= 10


def test_a_quote_outside_the_limits_lists_the_error_of_a_create(up: Running) -> None:
    data = price(up).data
    minimum, maximum = data["from"]["min"], data["from"]["max"]
    below = f"{Decimal(minimum) * Decimal('0.9'):.8f}"
    above = f"{Decimal(maximum) * Decimal('1.1'):.8f}"
    assert price(up, amount=below).data["errors"] == ["LIMIT_MIN"]
    assert price(up, amount=above).data["errors"] == ["LIMIT_MAX"]
    assert price(up, amount="0.00000001").data["to"]["amount"] == "0.000000"


@pytest.mark.parametrize("amount", ["0.01", 0.01, "0.010", "00.01", 1, "1"])
def test_an_amount_may_be_a_string_or_a_number(up: Running, amount: object) -> None:
    response = price(up, amount=amount)
    assert response.code == 0
    assert Decimal(response.data["from"]["amount"]) == Decimal(str(amount))


def test_a_number_is_parsed_from_its_literal_digits(up: Running) -> None:
    body = json.dumps(quote_request(amount="DIGITS")).replace('"DIGITS"', "0.12345678")
    response = send(f"{up.base_url}/v1/price", body.encode())
    assert response.data["from"]["amount"] == "0.12345678"


@pytest.mark.parametrize(
    "literal",
    [
        *("0", "0.0", "-1", "1e2", "1E-8", "0.000000001", "NaN", "Infinity", "true", "null"),
        *("[1]", "{}", '""', '"1e2"', '"-1"', '"+1"', '" 1"', '"1 "', '".5"', '"1."', '"1,5"'),
        *('"0x10"', '"NaN"', '"Infinity"', '"0.000000001"', '"1_000"', '"\\u0661"', '"\uff11"'),
        *('"' + "9" * 21 + '"', "9" * 400, '"0"', '"0.00000000"'),
    ],
)
def test_anything_but_a_plain_positive_amount_is_invalid(up: Running, literal: str) -> None:
    body = json.dumps(quote_request(amount="AMOUNT")).replace('"AMOUNT"', literal)
    response = send(f"{up.base_url}/v1/price", body.encode())
    assert (response.status, response.code) == (400, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "fixed"},
        {"type": "FLOAT"},
        {"type": None},
        {"fromCcy": "nocoin"},
        {"fromCcy": "BTC"},
        {"toCcy": "btc"},
        {"toCcy": None},
        {"direction": "sideways"},
        {"afftax": 50},
    ],
    ids=str,
)
def test_a_quote_request_with_an_invalid_field_is_rejected(
    up: Running, changes: dict[str, object]
) -> None:
    response = price(up, **changes)
    assert (response.status, response.code) == (400, 1)


@pytest.mark.parametrize("field", ["type", "fromCcy", "toCcy", "direction", "amount"])
def test_a_quote_request_without_a_required_field_is_rejected(up: Running, field: str) -> None:
    request = quote_request()
    del request[field]
    assert send(f"{up.base_url}/v1/price", json.dumps(request).encode()).code == 1


@pytest.mark.parametrize(
    ("afftax", "code"),
    [(0, 0), (2000, 0), (None, 0), (2001, 1), (-1, 1), (1.5, 1), ("50", 1), (True, 1)],
)
def test_a_markup_is_applied_unchanged_or_rejected(
    partner: Partner, afftax: object, code: int
) -> None:
    response = partner.call("/price", quote_request(afftax=afftax))
    assert response.code == code
    if code == 0:
        assert response.data["markupBps"] == (50 if afftax is None else afftax)


def test_the_margin_is_the_sum_of_fee_and_markup(partner: Partner) -> None:
    """Two quotes of one snapshot, with and without a markup."""

    def both() -> list[Any]:
        return [partner.call("/price", quote_request(afftax=bps)).data for bps in (0, 1000)]

    plain, marked = wait_until(both, lambda two: two[0]["from"]["usd"] == two[1]["from"]["usd"])
    ratio = Decimal(marked["from"]["rate"]) / Decimal(plain["from"]["rate"])
    assert abs(ratio - Decimal(8950) / Decimal(9950)) < Decimal("1e-3")


def test_amounts_are_never_in_exponent_notation(up: Running) -> None:
    text = price(up, fromCcy="usdt_trc20", toCcy="btc", amount="1.000001").body.decode()
    assert re.search(r'"[0-9.]*[eE][+-]?[0-9]+"', text) is None
