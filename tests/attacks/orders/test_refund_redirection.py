"""Whoever has a partner's credentials cannot redirect what has arrived (contract, section 15)."""

from typing import Any

import pytest

from tests.conftest import Running
from tests.support.builders.orders import Swaps
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

Order = dict[str, Any]
OWN = "rG1QQv2nh2gr7RCZ1P8YYcBUKCCN633jCn"
OTHER = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
BITCOIN_OWN = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
BITCOIN_OTHER = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
REJECTED = b'{"code":1,"msg":"INVALID_REQUEST"}'


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


def held_xrp(swaps: Swaps, **changes: object) -> Order:
    """Return an order on hold whose refund goes to an address that may need a tag."""
    order = swaps.opened(**{"fromCcy": "xrp", "amount": "100", "refundAddress": OWN, **changes})
    swaps.deposited(order, "100000")
    assert swaps.confirmed(order)["status"] == "EMERGENCY"
    return order


@pytest.fixture(scope="module")
def without_tag(swaps: Swaps) -> Order:
    return held_xrp(swaps)


@pytest.fixture(scope="module")
def with_tag(swaps: Swaps) -> Order:
    return held_xrp(swaps, refundTag="7")


@pytest.fixture(scope="module")
def on_bitcoin(swaps: Swaps) -> Order:
    return swaps.held()


ADDRESSES: dict[str, tuple[dict[str, object], str]] = {
    "another address": ({"refundAddress": OTHER}, "refundAddress CONFLICT"),
    "another address with a tag": (
        {"refundAddress": OTHER, "refundTag": "1"},
        "refundAddress CONFLICT",
    ),
    "another address, for an exchange": (
        {"refundAddress": OTHER, "choice": "EXCHANGE"},
        "refundAddress CONFLICT",
    ),
    "an address of another network": ({"refundAddress": BITCOIN_OTHER}, "refundAddress CONFLICT"),
    "an empty address": ({"refundAddress": ""}, "refundAddress CONFLICT"),
    "its own address with a space": ({"refundAddress": f"{OWN} "}, "refundAddress CONFLICT"),
    "its own address in lower case": ({"refundAddress": OWN.lower()}, "refundAddress CONFLICT"),
    "an address that is a list": ({"refundAddress": [OTHER]}, "refundAddress TYPE"),
    "an address that is a number": ({"refundAddress": 1}, "refundAddress TYPE"),
    "an empty tag": ({"refundTag": ""}, "refundTag TAG_INVALID"),
    "a tag that is no number": ({"refundTag": "abc"}, "refundTag TAG_INVALID"),
    "a tag above 32 bits": ({"refundTag": "4294967296"}, "refundTag TAG_INVALID"),
    "a tag that is a number": ({"refundTag": 5}, "refundTag TYPE"),
    "a tag that is a list": ({"refundTag": ["5"]}, "refundTag TYPE"),
    "a tag with SQL": (
        {"refundTag": "5'; UPDATE orders SET refund_address = 'x'; --"},
        "refundTag TAG_INVALID",
    ),
    "a tag, for an exchange": ({"refundTag": "5", "choice": "EXCHANGE"}, "refundTag NOT_ALLOWED"),
}


def details(partner: Partner, request: dict[str, object]) -> str:
    """Return which field of a choice is rejected, and why."""
    response = partner.call("/emergency", request, **{"X-API-DETAILS": "1"})
    (detail,) = response.json()["details"]
    return f"{detail['field']} {detail['reason']}"


def check_untouched(swaps: Swaps, order: Order) -> None:
    shown = swaps.shown(order)
    assert shown["emergency"]["choice"] == "NONE"
    assert shown["back"] == order["back"]


@pytest.mark.parametrize("name", ADDRESSES)
def test_another_refund_address_or_an_invalid_tag_chooses_nothing(
    swaps: Swaps, without_tag: Order, name: str
) -> None:
    changes, expected = ADDRESSES[name]
    request = {"id": without_tag["id"], "token": without_tag["token"], "choice": "REFUND"}
    response = swaps.partner.call("/emergency", {**request, **changes})
    assert (response.status, response.body) == (400, REJECTED)
    assert details(swaps.partner, {**request, **changes}) == expected
    check_untouched(swaps, without_tag)


def test_a_tag_cannot_be_replaced(swaps: Swaps, with_tag: Order) -> None:
    response = swaps.call("/emergency", with_tag, choice="REFUND", refundTag="8")
    assert (response.status, response.body) == (400, REJECTED)
    access = {name: with_tag[name] for name in ("id", "token")}
    refund = {**access, "choice": "REFUND", "refundTag": "8"}
    assert details(swaps.partner, refund) == "refundTag CONFLICT"
    check_untouched(swaps, with_tag)


@pytest.mark.parametrize(
    "changes", [{"refundAddress": BITCOIN_OTHER}, {"refundTag": "1"}], ids=["address", "tag"]
)
def test_a_refund_on_a_network_without_tags_cannot_be_redirected(
    swaps: Swaps, on_bitcoin: Order, changes: dict[str, object]
) -> None:
    response = swaps.call("/emergency", on_bitcoin, **{"choice": "REFUND", **changes})
    assert (response.status, response.body) == (400, REJECTED)
    check_untouched(swaps, on_bitcoin)


def test_other_fields_that_might_name_an_address_change_nothing(swaps: Swaps) -> None:
    order = held_xrp(swaps)
    fields = dict.fromkeys(("toAddress", "address", "refund_address", "back", "tag"), OTHER)
    assert swaps.call("/emergency", order, choice="REFUND", **fields).data is True
    assert swaps.until(order, "EXPIRED")["back"]["address"] == OWN


def test_a_refund_gets_the_tag_that_it_lacks_once(swaps: Swaps) -> None:
    order = held_xrp(swaps)
    chosen = {"choice": "REFUND", "refundTag": "5", "refundAddress": OWN}
    assert swaps.call("/emergency", order, **chosen).data is True
    again = wait_until(
        lambda: swaps.call("/emergency", order, choice="REFUND", refundTag="6"),
        lambda response: response.code != 0,
    )
    assert again.code in (1, 6)
    refunded = swaps.until(order, "EXPIRED")
    assert refunded["outcome"] == "REFUNDED"
    assert (refunded["back"]["address"], refunded["back"]["tag"]) == (OWN, "5")
    assert refunded["back"]["tx"]["id"] is not None


def test_the_tag_of_an_order_may_be_repeated(swaps: Swaps) -> None:
    order = held_xrp(swaps, refundTag="7")
    assert swaps.call("/emergency", order, choice="REFUND", refundTag="7").data is True
    assert swaps.until(order, "EXPIRED")["back"]["tag"] == "7"


def test_an_unknown_order_is_not_found_before_its_refund_is_examined(
    swaps: Swaps, with_tag: Order
) -> None:
    request = {**with_tag, "token": "x" * 43}
    response = swaps.call("/emergency", request, choice="REFUND", refundAddress=OTHER)
    assert (response.status, response.code) == (404, 6)
