"""/v1/quote as partners see it, and orders opened with its quoteId, over HTTP."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.bad_input.quotes import (
    ADDRESSES,
    ALTERED,
    BESIDE,
    MALFORMED_QUOTES,
    UNUSABLE,
)
from tests.support.builders.issued_quotes import IssuedQuotes
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

MALFORMED = (400, {"code": 1, "msg": "INVALID_REQUEST"})
QUOTE_INVALID = (409, {"code": 15, "msg": "QUOTE_INVALID"})


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@partner.example")
    up.json("partner", "set", str(created["id"]), "--budget", "1000000", "--markup-bps", "75")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()


@pytest.fixture(scope="module")
def other(up: Running) -> Partner:
    return up.new_partner()


def unsigned(up: Running, **changes: object) -> Response:
    return send(f"{up.base_url}/v1/quote", json.dumps(quote_request(**changes)).encode())


def quote(partner: Partner, **changes: object) -> dict[str, Any]:
    data: dict[str, Any] = partner.call("/quote", quote_request(**changes)).data
    assert data["problems"] == []
    return data


def create(partner: Partner, quote_id: object, **changes: object) -> Response:
    return partner.call("/create", {"quoteId": quote_id, **ADDRESSES, **changes})


def outcome(response: Response) -> tuple[int, dict[str, Any]]:
    return response.status, response.json()


def test_a_quote_has_the_fields_of_the_contract(partner: Partner) -> None:
    before = time.time()
    data = quote(partner)
    assert list(data) == [
        *("quoteId", "validUntil", "type", "from", "to", "networkFee", "markupBps"),
        *("confirmations", "etaSeconds", "problems"),
    ]
    price = partner.call("/price", quote_request()).data
    assert (list(data["from"]), list(data["to"])) == (list(price["from"]), list(price["to"]))
    assert len(data["quoteId"]) <= 600
    assert int(before) + 60 <= data["validUntil"] <= time.time() + 60
    assert (data["type"], data["markupBps"], data["networkFee"]) == ("float", 75, "1.200000")
    assert (data["confirmations"], data["etaSeconds"]) == (2, 1_200)


def test_an_unsigned_quote_has_no_markup(up: Running) -> None:
    data = unsigned(up).data
    assert (data["markupBps"], data["problems"]) == (0, [])
    assert data["quoteId"]


@pytest.mark.parametrize("direction", ["from", "to"])
def test_an_order_has_exactly_the_numbers_of_its_quote(partner: Partner, direction: str) -> None:
    amount = "0.01234567" if direction == "from" else "500.123456"
    quoted = quote(partner, direction=direction, amount=amount, afftax=33, region="DE")
    order = create(partner, quoted["quoteId"]).data
    for side in ("from", "to"):
        assert order[side]["amount"] == quoted[side]["amount"]
    assert (order["rate"], order["networkFee"]) == (quoted["from"]["rate"], quoted["networkFee"])
    assert (order["type"], order["markupBps"], order["status"]) == ("float", 33, "NEW")
    assert len(order["token"]) == 43


def test_an_unsigned_quote_opens_an_order_without_markup(up: Running, partner: Partner) -> None:
    quoted = unsigned(up).data
    order = create(partner, quoted["quoteId"]).data
    assert (order["markupBps"], order["to"]["amount"]) == (0, quoted["to"]["amount"])


def test_a_quote_keeps_the_markup_of_the_code_that_it_was_made_with(partner: Partner) -> None:
    code = f"q-{uuid4().hex[:12]}"
    assert partner.call("/codes", {"code": code, "afftaxBps": 120}).code == 0
    quoted = partner.call("/quote", quote_request(), code=code).data
    assert quoted["markupBps"] == 120
    assert create(partner, quoted["quoteId"]).data["markupBps"] == 120
    listed = {one["code"]: one for one in partner.call("/codes", method="GET").data}
    assert listed[code]["orders"] == 1


def test_concurrent_creates_with_one_quote_open_one_order(partner: Partner) -> None:
    quote_id = quote(partner)["quoteId"]
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: create(partner, quote_id), range(32)))
    assert sorted(response.code for response in responses) == [0] + [15] * 31
    assert outcome(create(partner, quote_id)) == QUOTE_INVALID


def test_a_create_with_a_key_may_be_repeated(partner: Partner) -> None:
    body = {"quoteId": quote(partner)["quoteId"], **ADDRESSES}
    key = f"key-{uuid4()}"
    first, again = (
        partner.call("/create", body, **{"Idempotency-Key": key}).data for _ in range(2)
    )
    assert (again["id"], again["token"]) == (first["id"], None)
    changed = {**body, "quoteId": quote(partner)["quoteId"]}
    response = partner.call("/create", changed, **{"Idempotency-Key": key})
    assert outcome(response) == (409, {"code": 1, "msg": "INVALID_REQUEST"})
    assert create(partner, changed["quoteId"]).code == 0, "the key's conflict did not use it"


def test_a_quote_of_another_partner_is_invalid(partner: Partner, other: Partner) -> None:
    quote_id = quote(partner)["quoteId"]
    assert outcome(create(other, quote_id)) == QUOTE_INVALID
    assert create(partner, quote_id).code == 0


@pytest.mark.parametrize("alteration", ALTERED)
def test_an_altered_quote_id_is_invalid(partner: Partner, alteration: str) -> None:
    quote_id = quote(partner)["quoteId"]
    assert outcome(create(partner, ALTERED[alteration](quote_id))) == QUOTE_INVALID
    assert create(partner, quote_id).code == 0


@pytest.fixture(scope="module")
def issued(up: Running) -> IssuedQuotes:
    return IssuedQuotes(up)


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_signed_quote_id_that_the_partner_cannot_use_is_invalid(
    issued: IssuedQuotes, case: str
) -> None:
    issue, reason = UNUSABLE[case]
    quote_id = issue(issued)
    assert outcome(create(issued.partner, quote_id)) == QUOTE_INVALID
    request = {"quoteId": quote_id, **ADDRESSES}
    detailed = issued.partner.call("/create", request, **{"X-API-DETAILS": "1"})
    assert detailed.json()["details"] == [{"field": "quoteId", "reason": reason}]


def test_quote_ids_are_signed_in_these_tests_as_by_the_service(issued: IssuedQuotes) -> None:
    assert create(issued.partner, issued.as_issued()).code == 0


@pytest.mark.parametrize("case", BESIDE)
def test_what_contradicts_a_quote_is_malformed_and_does_not_use_it(
    partner: Partner, case: str
) -> None:
    quote_id = quote(partner)["quoteId"]
    assert outcome(create(partner, quote_id, **BESIDE[case])) == MALFORMED
    assert create(partner, quote_id).code == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "float", "fromCcy": "btc", "toCcy": "usdt_trc20"},
        {"from": {"chain": "bitcoin"}, "toCcy": "usdt_trc20", "toNetwork": "Tron"},
        {"amount": None, "direction": None, "afftax": None, "tag": None},
        {"unknown": {"quoteId": "another"}, "region": "KP"},
    ],
)
def test_what_agrees_with_a_quote_may_be_sent_beside_it(
    partner: Partner, changes: dict[str, object]
) -> None:
    assert create(partner, quote(partner)["quoteId"], **changes).code == 0


def test_a_quote_id_is_recognized_however_its_name_is_written(partner: Partner) -> None:
    quote_id = quote(partner)["quoteId"]
    body = json.dumps({"quoteId": quote_id, **order_request()})
    for escaped in (r"quote\u0049d", r"\u0071uoteId"):
        written = body.replace('"quoteId"', f'"{escaped}"').encode()
        headers = partner.v2_headers("/v1/create", written)
        assert outcome(partner.post("/create", written, headers)) == MALFORMED
    null = {"quoteId": None, **order_request()}
    assert partner.call("/create", null).code == 0, "null is none"
    twice = f'{{"quoteId":null,"quoteId":"{quote_id}",{body[1:-1]}}}'.encode()
    assert partner.post("/create", twice, partner.v2_headers("/v1/create", twice)).code == 1


@pytest.mark.parametrize("case", MALFORMED_QUOTES)
def test_a_malformed_quote_is_rejected(up: Running, case: str) -> None:
    assert outcome(unsigned(up, **MALFORMED_QUOTES[case])) == MALFORMED


UNSUPPORTED: dict[str, tuple[dict[str, object], list[dict[str, str]]]] = {
    "an unknown source": ({"fromCcy": "nothing"}, [{"type": "ASSET_UNSUPPORTED", "side": "from"}]),
    "an unknown destination": ({"toCcy": "x"}, [{"type": "ASSET_UNSUPPORTED", "side": "to"}]),
    "a code in capital letters": (
        {"fromCcy": "BTC", "toCcy": "USDT"},
        [
            {"type": "ASSET_UNSUPPORTED", "side": "from"},
            {"type": "ASSET_UNSUPPORTED", "side": "to"},
        ],
    ),
    "a contract that is none of ours": (
        {"toCcy": None, "to": {"chain": "ethereum", "contract": "0x" + "1" * 40}},
        [{"type": "ASSET_UNSUPPORTED", "side": "to"}],
    ),
    "an asset to itself": ({"toCcy": "btc"}, [{"type": "PAIR_UNSUPPORTED"}]),
    "a fixed rate where there is none": ({"type": "fixed"}, [{"type": "PAIR_UNSUPPORTED"}]),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_is_well_formed_but_not_offered_is_a_problem(up: Running, case: str) -> None:
    changes, problems = UNSUPPORTED[case]
    response = unsigned(up, **changes)
    assert response.status == 200
    data = response.data
    assert (data["quoteId"], data["validUntil"], data["problems"]) == (None, None, problems)
    assert data["markupBps"] == 0


def test_an_amount_beyond_a_limit_has_the_limits_in_both_assets(up: Running) -> None:
    for amount, kind in (("0.00000100", "LIMIT_MIN"), ("100", "LIMIT_MAX")):
        data = unsigned(up, amount=amount).data
        assert data["quoteId"] is None
        assert [problem["type"] for problem in data["problems"]] == [kind]
        assert data["from"]["amount"] == f"{Decimal(amount):.8f}"
        assert data["to"]["amount"] is not None
        problem = data["problems"][0]
        assert Decimal(problem["fromLimit"]) > 0 < Decimal(problem["toLimit"])
        assert len(problem["fromLimit"].partition(".")[2]) == 8
        assert len(problem["toLimit"].partition(".")[2]) == 6


def test_both_forms_of_an_asset_are_quoted_alike(up: Running) -> None:
    reference = {"chain": "evmGeneric", "chainId": 1, "contract": None}
    by_reference = unsigned(up, fromCcy=None, **{"from": reference}, amount="0.1").data
    assert by_reference["from"]["code"] == "eth"
    assert by_reference["quoteId"]


def test_responses_at_both_prefixes_have_the_same_form(up: Running) -> None:
    body = json.dumps(quote_request()).encode()
    one, two = (send(f"{up.base_url}{prefix}/quote", body).data for prefix in ("/v1", "/api/v1"))
    assert one.keys() == two.keys()
    assert one["quoteId"] != two["quoteId"]
