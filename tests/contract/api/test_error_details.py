"""With `X-API-DETAILS: 1` a failure states which field is rejected, and why (contract, section 23).

One value at a time of an otherwise valid request is replaced. Without the header the response is
the same to the byte as it always was.
"""

import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from domain.reasons import Reason
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

DETAILS = {"X-API-DETAILS": "1"}
INVALID = b'{"code":1,"msg":"INVALID_REQUEST"}'
MISSING = object()
NOT_OF_ANY_TYPE: list[list[object]] = [[]]
"""A value that no field accepts."""
ADDRESS_ON_ETHEREUM = "0x52908400098527886E0F7030069857D2E4169EE7"

CASES: tuple[tuple[str, str, str, object, str | None, Reason], ...] = (
    ("a type that is no text", "/price", "type", 1, "type", Reason.TYPE),
    ("an unknown rate type", "/price", "type", "floating", "type", Reason.VALUE),
    ("fixed rates, which are off", "/price", "type", "fixed", "type", Reason.FIXED_RATES_DISABLED),
    ("no rate type", "/price", "type", MISSING, "type", Reason.MISSING),
    ("an unknown direction", "/price", "direction", "FROM", "direction", Reason.VALUE),
    ("no direction", "/price", "direction", MISSING, "direction", Reason.MISSING),
    ("no amount", "/price", "amount", MISSING, "amount", Reason.MISSING),
    ("an amount with an exponent", "/price", "amount", "1e-2", "amount", Reason.FORMAT),
    ("a number with an exponent", "/price", "amount", 1e-7, "amount", Reason.FORMAT),
    ("a negative amount", "/price", "amount", "-1", "amount", Reason.FORMAT),
    ("an empty amount", "/price", "amount", "", "amount", Reason.FORMAT),
    ("null as amount", "/price", "amount", None, "amount", Reason.FORMAT),
    ("an amount of nothing", "/price", "amount", "0.00000000", "amount", Reason.RANGE),
    ("an amount of 21 digits", "/price", "amount", "1" * 21, "amount", Reason.RANGE),
    ("nine decimals of btc", "/price", "amount", "0.010000001", "amount", Reason.PRECISION),
    ("a negative markup", "/price", "afftax", -1, "afftax", Reason.RANGE),
    ("a markup above 20 %", "/price", "afftax", 2001, "afftax", Reason.RANGE),
    ("a markup in percent", "/price", "afftax", 0.5, "afftax", Reason.TYPE),
    ("a markup as text", "/price", "afftax", "50", "afftax", Reason.TYPE),
    ("an unknown source", "/price", "fromCcy", "btcc", "fromCcy", Reason.ASSET_UNSUPPORTED),
    ("an unknown destination", "/price", "toCcy", "USDT", "toCcy", Reason.ASSET_UNSUPPORTED),
    ("one asset for both sides", "/price", "toCcy", "btc", "toCcy", Reason.PAIR_UNSUPPORTED),
    ("a source that is no text", "/price", "fromCcy", 1, "fromCcy", Reason.TYPE),
    ("no source", "/price", "fromCcy", MISSING, "fromCcy", Reason.MISSING),
    ("no destination", "/price", "toCcy", None, "toCcy", Reason.MISSING),
    ("a source in both forms", "/price", "from", {"chain": "bitcoin"}, "from", Reason.CONFLICT),
    ("a chain that is no text", "/price", "to", {"chain": 1}, "to.chain", Reason.TYPE),
    ("a chain id as text", "/price", "to", {"chainId": "1"}, "to.chainId", Reason.TYPE),
    ("a misspelt contract", "/price", "to", {"contrct": "1"}, "to.contrct", Reason.UNKNOWN_FIELD),
    ("no payout address", "/create", "toAddress", MISSING, "toAddress", Reason.MISSING),
    ("a payout address of numbers", "/create", "toAddress", 12, "toAddress", Reason.TYPE),
    ("a short payout address", "/create", "toAddress", "TJRab", "toAddress", Reason.FORMAT),
    ("a long payout address", "/create", "toAddress", "T" * 201, "toAddress", Reason.FORMAT),
    ("a payout address on another network", "/create", "toAddress", ADDRESS_ON_ETHEREUM,
     "toAddress", Reason.NETWORK),
    ("a refund address on another network", "/create", "refundAddress", ADDRESS_ON_ETHEREUM,
     "refundAddress", Reason.NETWORK),
    ("no refund address", "/create", "refundAddress", MISSING, "refundAddress", Reason.MISSING),
    ("an empty refund address", "/create", "refundAddress", "", "refundAddress", Reason.MISSING),
    ("a tag on a network without tags", "/create", "tag", "12", "tag", Reason.TAG_INVALID),
    ("a tag that is no text", "/create", "tag", 12, "tag", Reason.TYPE),
    ("another source network", "/create", "fromNetwork", "Tron", "fromNetwork", Reason.NETWORK),
    ("another payout network", "/create", "toNetwork", "Bitcoin", "toNetwork", Reason.NETWORK),
    ("a short code", "/codes", "code", "abc", "code", Reason.FORMAT),
    ("a code with a space", "/codes", "code", "summer 24", "code", Reason.FORMAT),
    ("no code", "/codes", "code", MISSING, "code", Reason.MISSING),
    ("a long label", "/codes", "label", "x" * 65, "label", Reason.LENGTH),
    ("a label with a control character", "/codes", "label", "a\u0007", "label", Reason.FORMAT),
    ("a code's markup above 20 %", "/codes", "afftaxBps", 2001, "afftaxBps", Reason.RANGE),
    ("a code to enable that is no text", "/codes/enable", "code", 5, "code", Reason.TYPE),
    ("nothing to rotate", "/keys/rotate", "rotate", [], "rotate", Reason.LENGTH),
    ("a secret that does not exist", "/keys/rotate", "rotate", ["key"], "rotate", Reason.VALUE),
    ("a secret named twice", "/keys/rotate", "rotate", ["apiSecret"] * 2, "rotate",
     Reason.DUPLICATE),
    ("an order's id that is no text", "/order", "id", 7, "id", Reason.TYPE),
    ("no choice", "/emergency", "choice", MISSING, "choice", Reason.MISSING),
    ("an unknown chain", "/price", "from", {"chain": "x"}, "from", Reason.CONFLICT),
    ("an unknown chain id", "/quote", "from", {"chainId": "1"}, "from.chainId", Reason.TYPE),
    ("a reference to nothing", "/quote", "from", {}, "from", Reason.CONFLICT),
    ("a region that is not assigned", "/quote", "region", "UK", "region", Reason.VALUE),
    ("a quoteId beside amounts", "/create", "quoteId", "x", "direction", Reason.TYPE),
    ("an empty externalId", "/create", "externalId", "", "externalId", Reason.FORMAT),
    ("Unicode in externalId", "/create", "externalId", "\u00e9", "externalId", Reason.FORMAT),
    ("17 pairs", "/create", "metadata", dict.fromkeys(map(str, range(17)), ""), "metadata",
     Reason.LENGTH),
    ("1,025 bytes", "/create", "metadata", {"k": "x" * 1024}, "metadata", Reason.LENGTH),
    ("a zero character", "/create", "metadata", {"k": "\0"}, "metadata", Reason.FORMAT),
    ("a refundTag without need", "/create", "refundTag", "1", "refundTag", Reason.TAG_INVALID),
    ("a negative time", "/orders", "createdFrom", -1, "createdFrom", Reason.RANGE),
    ("the year 3000", "/orders", "createdTo", 32_503_680_000, "createdTo", Reason.RANGE),
    ("digits as a time", "/orders", "updatedFrom", "1", "updatedFrom", Reason.FORMAT),
    ("a missing day", "/orders", "updatedTo", "2023-02-29T00:00:00Z", "updatedTo", Reason.RANGE),
    ("a list as a time", "/orders", "createdFrom", [], "createdFrom", Reason.TYPE),
    ("an end before 2001", "/orders", "createdTo", 1, "createdTo", Reason.CONFLICT),
    ("no changes before 2001", "/orders", "updatedTo", 2, "updatedTo", Reason.CONFLICT),
    ("an unknown status", "/orders", "status", "new", "status", Reason.VALUE),
    ("an unknown outcome", "/orders", "outcome", "DONE", "outcome", Reason.VALUE),
    ("a limit of 101", "/orders", "limit", 101, "limit", Reason.RANGE),
    ("a limit of 0", "/orders", "limit", 0, "limit", Reason.RANGE),
    ("a long externalId", "/orders", "externalId", "x" * 65, "externalId", Reason.FORMAT),
    ("a cursor of no form", "/orders", "cursor", "not a cursor", "cursor", Reason.FORMAT),
    ("a cursor of zeros", "/orders", "cursor", "A" * 54, "cursor", Reason.CONFLICT),
    ("65 ids", "/orders/status", "ids", ["x"] * 65, "ids", Reason.LENGTH),
    ("ids that are numbers", "/orders/status", "ids", [1], "ids", Reason.TYPE),
    ("an unknown asset", "/address/validate", "ccy", "BTC", "ccy", Reason.ASSET_UNSUPPORTED),
    ("no asset", "/address/validate", "ccy", MISSING, "ccy", Reason.MISSING),
    ("both forms", "/address/validate", "asset", {"chainId": 1}, "asset", Reason.CONFLICT),
    ("a negative overlap", "/keys/rotate", "overlapSeconds", -1, "overlapSeconds", Reason.RANGE),
)  # fmt: skip

VALID: dict[str, dict[str, object]] = {
    "/price": quote_request(),
    "/quote": quote_request(),
    "/orders": {"createdFrom": 978_307_200, "updatedFrom": 978_307_200},
    "/orders/status": {"ids": []},
    "/address/validate": {"ccy": "btc", "address": str(order_request()["refundAddress"])},
    "/create": order_request(),
    "/codes": {"code": "details-of-errors"},
    "/codes/enable": {"code": "details-of-errors"},
    "/keys/rotate": {"rotate": ["apiSecret"]},
    "/order": {"id": "x", "token": "y"},
    "/emergency": {"id": "x", "token": "y", "choice": "EXCHANGE"},
}


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner of its own, whose budget other tests do not use."""
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@details.example")
    up.json("partner", "set", created["email"], "--budget", "1000000")
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    return partner.until_active()


def details(response: Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.json()["details"]
    return found


def changed(path: str, field: str, value: object) -> dict[str, object]:
    request = {**VALID[path], field: value}
    return {name: one for name, one in request.items() if one is not MISSING}


@pytest.mark.parametrize(
    ("path", "field", "value", "named", "reason"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_rejected_value_is_named_with_its_reason(
    partner: Partner, path: str, field: str, value: object, named: str | None, reason: Reason
) -> None:
    request = changed(path, field, value)
    response = partner.call(path, request, **DETAILS)
    assert (response.status, response.code) == (400, 1)
    assert details(response) == [{"field": named, "reason": reason.value}]
    assert partner.call(path, request).body == INVALID


BODIES = {
    "nothing": (b"", Reason.MALFORMED),
    "half of an object": (b'{"type":', Reason.MALFORMED),
    "text after the object": (json.dumps(quote_request()).encode() + b"x", Reason.MALFORMED),
    "bytes that are not UTF-8": (b'{"type":"\xff"}', Reason.MALFORMED),
    "a list": (b"[]", Reason.TYPE),
    "a member twice": (json.dumps(quote_request())[:-1].encode() + b',"x":1,"x":2}',
                       Reason.DUPLICATE),
    "deeply nested lists": (b"[" * 60_000, Reason.TYPE),
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_rejected_as_a_whole_names_no_field(up: Running, body: str) -> None:
    sent, reason = BODIES[body]
    url = f"{up.base_url}/v1/price"
    response = send(url, sent, DETAILS)
    assert response.code == 1
    assert details(response) == [{"field": None, "reason": reason.value}]
    assert send(url, sent).body == INVALID


HEADERS = {
    "a short Idempotency-Key": ({"Idempotency-Key": "short"}, "Idempotency-Key", Reason.FORMAT),
    "another version": ({"X-API-SIGN-VERSION": "3"}, "X-API-SIGN-VERSION", Reason.VALUE),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_rejected_header_is_named(partner: Partner, name: str) -> None:
    headers, field, reason = HEADERS[name]
    response = partner.call("/create", order_request(), **headers, **DETAILS)
    assert details(response) == [{"field": field, "reason": reason.value}]


def test_a_key_that_is_reused_with_another_body_is_a_conflict(partner: Partner) -> None:
    headers = {"Idempotency-Key": uuid4().hex, **DETAILS}
    assert partner.call("/create", order_request(), **headers).code == 0
    response = partner.call("/create", order_request(amount="0.02"), **headers)
    assert (response.status, response.code) == (409, 1)
    assert details(response) == [{"field": "Idempotency-Key", "reason": "CONFLICT"}]


def test_an_unsigned_call_must_not_request_a_markup(up: Running) -> None:
    body = json.dumps(quote_request(afftax=1)).encode()
    response = send(f"{up.base_url}/v1/price", body, DETAILS)
    assert details(response) == [{"field": "afftax", "reason": "NOT_ALLOWED"}]


@pytest.mark.parametrize(
    ("amount", "code", "reason"), [("0.00000001", 7, "LIMIT_MIN"), ("1000", 8, "LIMIT_MAX")]
)
def test_an_amount_beyond_the_limits_is_named(
    partner: Partner, amount: str, code: int, reason: str
) -> None:
    response = partner.call("/create", order_request(amount=amount), **DETAILS)
    assert response.code == code
    assert details(response) == [{"field": "amount", "reason": reason}]


def test_failures_before_the_endpoint_have_details_too(up: Running) -> None:
    url = f"{up.base_url}/v1/price"
    wrong_method = send(url, headers=DETAILS, method="PUT")
    assert (wrong_method.status, details(wrong_method)) == (
        405,
        [{"field": None, "reason": "METHOD"}],
    )
    too_large = send(url, b" " * 65_537, DETAILS)
    assert (too_large.status, details(too_large)) == (
        413,
        [{"field": None, "reason": "BODY_TOO_LARGE"}],
    )


def test_failures_that_concern_the_caller_never_have_details(up: Running, partner: Partner) -> None:
    forger = Partner(up.base_url, partner.api_key, "another secret")
    unknown = {"id": "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47", "token": "x"}
    responses = {
        2: send(f"{up.base_url}/v1/create", b"{}", DETAILS),
        3: forger.call("/create", order_request(), **DETAILS),
        6: partner.call("/order", unknown, **DETAILS),
        12: partner.call("/emergency", {**unknown, "choice": "x"}, **DETAILS),
    }
    assert [response.json().keys() for response in responses.values()] == [{"code", "msg"}] * 4
    assert responses[6].code == 6
    assert send(f"{up.base_url}/v1/nothing", b"{}", DETAILS).json().keys() == {"code", "msg"}


@pytest.mark.parametrize("value", ["0", "true", "", "1, 1", "2"])
def test_any_other_value_of_the_header_asks_for_nothing(up: Running, value: str) -> None:
    response = send(f"{up.base_url}/v1/price", b"[]", {"X-API-DETAILS": value})
    assert response.body == INVALID


def bad_requests(endpoint: Endpoint) -> list[tuple[str, dict[str, Any]]]:
    """Return requests with one field of the wrong type or missing, and the name of the field."""
    assert endpoint.request_type is not None
    example = dict(endpoint.example.request or {})
    fields = msgspec.structs.fields(endpoint.request_type)
    names = [one.encode_name for one in fields]
    wrong = [(name, {**_beside(name, example), name: NOT_OF_ANY_TYPE}) for name in names]
    missing = [
        (one.encode_name, {k: v for k, v in example.items() if k != one.encode_name})
        for one in fields
        if one.required
    ]
    return wrong + missing


def _beside(name: str, example: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a request may have beside one: a quote states the amounts."""
    excluded = {"direction", "amount", "afftax"} if name == "quoteId" else set()
    return {key: value for key, value in example.items() if key not in excluded}


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if one.request_type is not None],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_every_endpoint_names_the_field_that_has_a_wrong_type_or_is_missing(
    partner: Partner, endpoint: Endpoint
) -> None:
    malformed = partner.call(endpoint.path, 7, method=endpoint.method, **DETAILS)
    assert details(malformed) == [{"field": None, "reason": "TYPE"}]
    for field, request in bad_requests(endpoint):
        response = partner.call(endpoint.path, request, method=endpoint.method, **DETAILS)
        assert response.code == 1, (field, request)
        (detail,) = details(response)
        assert (detail["field"] or "").partition(".")[0] == field, request
        assert detail["reason"] in set(Reason), request
