"""Sections 5 and 6 of the contract: orders from their creation to each final status."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner with a budget for many orders."""
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@partner.example")
    up.json("partner", "set", str(created["id"]), "--budget", "1000000")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()


NO_TRANSACTION = {"id": None, "amount": None, "explorer": None}


def opened(partner: Partner, **changes: object) -> dict[str, Any]:
    data: dict[str, Any] = partner.call("/create", order_request(**changes)).data
    return data


def shown(partner: Partner, order: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = partner.call("/order", {"id": order["id"], "token": order["token"]}).data
    return data


def until(partner: Partner, order: dict[str, Any], status: str) -> dict[str, Any]:
    return wait_until(lambda: shown(partner, order), lambda now: bool(now["status"] == status))


def test_a_new_order_has_the_fields_of_the_contract(partner: Partner) -> None:
    began = time.monotonic()
    order = opened(partner)
    duration = time.monotonic() - began
    token = order.pop("token")
    assert len(token) == 43
    assert list(order) == [
        *("id", "type", "status", "time", "from", "to", "back", "emergency"),
        *("rate", "networkFee", "markupBps"),
        *("outcome", "code", "externalId", "metadata", "statusUrl"),
    ]
    assert UUID(order["id"]).version == 7
    assert (order["type"], order["status"]) == ("float", "NEW")
    times = order["time"]
    assert times["expiration"] - times["reg"] == 1800
    assert 1800 - math.ceil(duration) <= times["left"] <= 1800
    assert times["update"] == times["reg"]
    assert times["finish"] is None
    assert order["from"]["tx"] == order["to"]["tx"] == NO_TRANSACTION
    assert (order["from"]["confirmations"], order["from"]["confirmationsRequired"]) == (None, 2)
    assert order["from"]["amount"] == "0.01000000"
    assert order["from"]["address"].startswith("bc1q")
    assert order["to"]["address"] == order_request()["toAddress"]
    assert order["back"] == {
        "address": order_request()["refundAddress"],
        "tx": {"id": None, "explorer": None},
        "tag": None,
    }
    assert order["emergency"] == {"status": [], "choice": "NONE"}


def test_an_order_is_shown_without_its_token(partner: Partner) -> None:
    order = opened(partner)
    again = shown(partner, order)
    del order["token"], order["time"], again["time"]
    assert again == order


def test_an_order_has_the_numbers_of_a_quote_of_the_same_snapshot(partner: Partner) -> None:
    """Prices change once a second, so both calls fall between two changes after a few attempts."""

    def both() -> tuple[dict[str, Any], dict[str, Any]]:
        return partner.call("/price", quote_request(afftax=7)).data, opened(partner, afftax=7)

    quote, order = wait_until(both, lambda pair: pair[0]["from"]["rate"] == pair[1]["rate"])
    assert order["to"]["amount"] == quote["to"]["amount"]
    assert (order["networkFee"], order["markupBps"]) == (quote["networkFee"], 7)


def test_a_requested_payout_amount_is_exact(partner: Partner) -> None:
    order = opened(partner, direction="to", amount="500.123456")
    assert order["to"]["amount"] == "500.123456"


@pytest.mark.parametrize(
    ("source", "refund", "amount"),
    [
        ("eth", "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "0.1"),
        ("xrp", "rG1QQv2nh2gr7RCZ1P8YYcBUKCCN633jCn", "100"),
        ("sol", "7v91N7iZ9mNicL8WfG6cgSCKyRXydQjLh6UYBWwm6y1Q", "1"),
        ("ltc", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "1"),
    ],
)
def test_orders_of_other_source_networks_have_a_pay_in_address(
    partner: Partner, source: str, refund: str, amount: str
) -> None:
    order = opened(partner, fromCcy=source, refundAddress=refund, amount=amount)
    assert order["from"]["address"]
    assert (order["from"]["tag"] is not None) == (source == "xrp")


@pytest.mark.parametrize(
    "changes",
    [
        {"toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"},
        {"toAddress": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
        {"toAddress": "short"},
        {"toAddress": "x" * 201},
        {"toAddress": None},
        {"refundAddress": ""},
        {"refundAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"},
        {"refundAddress": None},
        {"tag": "123"},
        {"tag": ""},
        {"tag": 5},
        {"fromNetwork": "Tron"},
        {"toNetwork": "Bitcoin"},
        {"afftax": 2001},
        {"type": "fixed"},
    ],
    ids=str,
)
def test_an_order_with_an_invalid_field_is_rejected(
    partner: Partner, changes: dict[str, object]
) -> None:
    response = partner.call("/create", order_request(**changes))
    assert (response.status, response.code) == (400, 1)


@pytest.mark.parametrize("field", ["toAddress", "refundAddress", "type", "amount"])
def test_an_order_without_a_required_field_is_rejected(partner: Partner, field: str) -> None:
    request = order_request()
    del request[field]
    assert partner.call("/create", request).code == 1


def test_correct_network_hints_and_a_null_tag_are_accepted(partner: Partner) -> None:
    assert opened(partner, fromNetwork="Bitcoin", toNetwork="Tron", tag=None)["status"] == "NEW"


def test_an_order_outside_the_limits_of_its_pair_is_rejected(partner: Partner) -> None:
    bounds = partner.call("/price", quote_request()).data["from"]
    small = partner.call("/create", order_request(amount="0.00000100"))
    assert (small.status, small.json()) == (400, {"code": 7, "msg": "LIMIT_MIN"})
    large = partner.call("/create", order_request(amount=str(float(bounds["max"]) * 2)[:8]))
    assert (large.status, large.json()) == (400, {"code": 8, "msg": "LIMIT_MAX"})


def create(partner: Partner, key: str, **changes: object) -> Response:
    return partner.call("/create", order_request(**changes), **{"Idempotency-Key": key})


def test_a_repeated_idempotency_key_returns_the_same_order_without_its_token(
    partner: Partner,
) -> None:
    first, again = (create(partner, key := f"key-{uuid4()}"), create(partner, key))
    assert first.data["token"] is not None
    assert again.data["token"] is None
    assert again.data["id"] == first.data["id"]
    changed = create(partner, key, amount="0.02")
    assert (changed.status, changed.json()) == (409, {"code": 1, "msg": "INVALID_REQUEST"})


def test_concurrent_duplicates_open_one_order(partner: Partner) -> None:
    key = f"key-{uuid4()}"
    with ThreadPoolExecutor(16) as pool:
        orders = list(pool.map(lambda _: create(partner, key).data, range(16)))
    assert len({order["id"] for order in orders}) == 1
    assert sum(order["token"] is not None for order in orders) == 1


@pytest.mark.parametrize("key", ["short", "x" * 129, "not ascii é"])
def test_a_malformed_idempotency_key_is_invalid(partner: Partner, key: str) -> None:
    response = create(partner, key)
    assert (response.status, response.code) == (400, 1)


def test_an_order_that_does_not_belong_to_the_caller_is_not_found(
    up: Running, partner: Partner
) -> None:
    order = opened(partner)
    valid = {"id": order["id"], "token": order["token"]}
    invalid = [
        {**valid, "id": str(uuid4())},
        {**valid, "id": "not-a-uuid"},
        {**valid, "id": order["id"].replace("-", "")},
        {**valid, "id": order["id"].upper() + " "},
        {**valid, "token": "x" * 43},
        {**valid, "token": order["token"][:-1]},
        {**valid, "token": ""},
        {"id": str(uuid4())},
        {"id": "not-a-uuid"},
    ]
    responses = [partner.call("/order", request) for request in invalid]
    responses += [up.partner().call("/order", request) for request in (valid, {"id": order["id"]})]
    for response in responses:
        assert (response.status, response.body) == (404, b'{"code":6,"msg":"NOT_FOUND"}')
    assert partner.call("/order", valid).code == 0


def test_an_order_is_shown_to_its_partner_without_the_token(partner: Partner) -> None:
    order = opened(partner)
    by_id = partner.call("/order", {"id": order["id"]}).data
    by_token = shown(partner, order)
    del by_id["time"], by_token["time"]
    assert by_id == by_token


@pytest.mark.parametrize(
    "request_", [{}, {"token": "x"}, {"id": 1, "token": 2}, {"id": str(UUID(int=0)), "token": None}]
)
def test_an_order_request_without_id_or_with_a_token_of_another_type_is_invalid(
    partner: Partner, request_: dict[str, object]
) -> None:
    assert partner.call("/order", request_).code == 1


def test_an_order_whose_deposit_arrives_is_done(up: Running, partner: Partner) -> None:
    order = opened(partner)
    up.json("sandbox", "deposit", order["id"])
    done = until(partner, order, "DONE")
    assert done["from"]["tx"]["amount"] == done["from"]["amount"] == "0.01000000"
    assert len(done["from"]["tx"]["id"]) == 64
    assert done["to"]["tx"]["amount"] == done["to"]["amount"]
    assert done["time"]["finish"] >= done["time"]["reg"]
    assert done["time"]["left"] == 0


def test_a_float_order_is_repriced_from_the_received_amount(up: Running, partner: Partner) -> None:
    order = opened(partner)
    up.json("sandbox", "deposit", order["id"], "--amount", "0.02")
    done = until(partner, order, "DONE")
    assert done["from"]["amount"] == done["from"]["tx"]["amount"] == "0.02000000"
    assert float(done["to"]["amount"]) > 1.9 * float(order["to"]["amount"])


def test_a_deposit_outside_the_limits_is_an_emergency(up: Running, partner: Partner) -> None:
    order = opened(partner)
    up.json("sandbox", "deposit", order["id"], "--amount", "0.00000500")
    held = until(partner, order, "EMERGENCY")
    assert held["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}
    assert held["time"]["finish"] is None


def test_a_deposit_after_expiry_is_an_emergency(up: Running, partner: Partner) -> None:
    order = opened(partner)
    up.json("sandbox", "expire", order["id"])
    expired = until(partner, order, "EXPIRED")
    assert expired["time"]["left"] == 0
    assert expired["time"]["finish"] is not None
    up.json("sandbox", "deposit", order["id"])
    held = until(partner, order, "EMERGENCY")
    assert held["emergency"]["status"] == ["EXPIRED"]
