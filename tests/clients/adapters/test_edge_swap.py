"""An adapter in the shape of Edge's swap plug-ins quotes, opens orders and follows them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.adapters.edge_program import Edge, EdgeError
from tests.clients.adapters.edge_wallets import (
    BITCOIN,
    BSC,
    ETHEREUM,
    RIPPLE,
    TRON,
    USDT_BSC,
    USDT_TRON,
    request,
    wallet,
)
from tests.conftest import Running
from tests.support.clients.partner import quote_request
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

BTC_AMOUNT = 1_000_000
"""0.01 BTC."""
COIN = 10**18


def to_usdt(amount: int = BTC_AMOUNT, *, quote_for: str = "from") -> dict[str, Any]:
    return request(BITCOIN, TRON, amount, quote_for=quote_for, to_token=USDT_TRON)


def error_of(edge: Edge, wanted: dict[str, Any], **fields: object) -> EdgeError:
    with pytest.raises(EdgeError) as raised:
        edge.quote(wanted, **fields)
    return raised.value


def test_an_amount_to_send_is_quoted_firmly(edge: Edge) -> None:
    quote = edge.quote(to_usdt())
    assert quote["fromNativeAmount"] == str(BTC_AMOUNT)
    assert int(quote["toNativeAmount"]) > 0
    assert quote["isEstimate"] is False
    left = datetime.fromisoformat(quote["expirationDate"]) - datetime.now().astimezone()
    assert timedelta(seconds=30) < left <= timedelta(seconds=61)


def test_an_amount_to_receive_is_quoted_firmly(edge: Edge) -> None:
    quote = edge.quote(to_usdt(500_000_000, quote_for="to"))
    assert quote["toNativeAmount"] == "500000000"
    assert int(quote["fromNativeAmount"]) > 0


def test_an_evm_token_is_named_by_chain_id_and_contract(edge: Edge) -> None:
    quote = edge.quote(request(BSC, ETHEREUM, 100 * COIN, from_token=USDT_BSC))
    assert quote["fromNativeAmount"] == str(100 * COIN)
    assert 0 < int(quote["toNativeAmount"]) < COIN


def test_more_decimals_than_the_api_has_are_rounded_down_if_sent_and_up_if_received(
    edge: Edge,
) -> None:
    sent = edge.quote(request(ETHEREUM, TRON, "12345678912345678", to_token=USDT_TRON))
    assert sent["fromNativeAmount"] == "12345670000000000"
    received = edge.quote(request(BITCOIN, BSC, 100 * COIN + 1, quote_for="to", to_token=USDT_BSC))
    assert received["toNativeAmount"] == str(100 * COIN + 10**12)


@pytest.mark.parametrize("quote_for", ["from", "to"])
def test_an_amount_below_the_limit_names_the_least_native_amount(
    edge: Edge, quote_for: str
) -> None:
    error = error_of(edge, to_usdt(1, quote_for=quote_for))
    assert (error.name, error.fields["direction"]) == ("SwapBelowLimitError", quote_for)
    least = int(error.fields["nativeMin"])
    assert error_of(edge, to_usdt(least * 98 // 100, quote_for=quote_for)).name == error.name
    assert edge.quote(to_usdt(least * 102 // 100, quote_for=quote_for))["isEstimate"] is False


@pytest.mark.parametrize("quote_for", ["from", "to"])
def test_an_amount_above_the_limit_names_the_greatest_native_amount(
    edge: Edge, quote_for: str
) -> None:
    error = error_of(edge, to_usdt(10**13, quote_for=quote_for))
    assert (error.name, error.fields["direction"]) == ("SwapAboveLimitError", quote_for)
    greatest = int(error.fields["nativeMax"])
    assert error_of(edge, to_usdt(greatest * 102 // 100, quote_for=quote_for)).name == error.name
    assert edge.quote(to_usdt(greatest * 98 // 100, quote_for=quote_for))["isEstimate"] is False


UNSUPPORTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a chain that is not mapped": (
        request(wallet("wax", "WAX", 8, "wax"), BITCOIN, 10**8),
        ["from"],
    ),
    "both chains": (
        request(wallet("wax", "WAX", 8, "wax"), wallet("eos", "EOS", 4, "eos"), 10**8),
        ["from", "to"],
    ),
    "a chain id that is not offered": (
        request(BITCOIN, wallet("rsk", "RBTC", 18, "0x", evm_chain_id=30), BTC_AMOUNT),
        ["to"],
    ),
    "a contract to receive": (request(BITCOIN, BSC, BTC_AMOUNT, to_token="00"), ["to"]),
    "a contract to send": (request(BSC, BITCOIN, COIN, from_token="00"), ["from"]),
    "an asset for itself": (request(BITCOIN, BITCOIN, BTC_AMOUNT), []),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_offered_is_an_error_of_its_sides(edge: Edge, name: str) -> None:
    wanted, sides = UNSUPPORTED[name]
    error = error_of(edge, wanted)
    assert (error.name, error.fields["sides"]) == ("SwapCurrencyError", sides)


def test_a_restricted_region_precedes_every_other_error(edge: Edge, by_hand: Running) -> None:
    wanted, region = to_usdt(1), {"options": {"region": "AQ"}}
    assert error_of(edge, wanted, **region).name == "SwapBelowLimitError"
    try:
        by_hand.json("region", "block", "AQ")
        error = error_of(edge, wanted, **region)
        assert (error.name, error.fields["reason"]) == ("SwapPermissionError", "geoRestriction")
        assert edge.quote(to_usdt(), options={"region": "DE"})["isEstimate"] is False
    finally:
        by_hand.json("region", "allow", "AQ")


WRONG_ADDRESSES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "of another network": (
        BITCOIN | {"receiveAddress": TRON["receiveAddress"]},
        TRON,
        "from",
        "NETWORK",
    ),
    "mistyped": (
        BITCOIN,
        TRON | {"receiveAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"},
        "to",
        "CHECKSUM",
    ),
}


@pytest.mark.parametrize("name", WRONG_ADDRESSES)
def test_an_address_that_cannot_be_used_is_an_error_of_its_side(edge: Edge, name: str) -> None:
    source, destination, side, reason = WRONG_ADDRESSES[name]
    wanted = request(source, destination, BTC_AMOUNT, to_token=USDT_TRON)
    error = error_of(edge, wanted)
    assert error.name == "SwapAddressError"
    assert (error.fields["side"], error.fields["reason"]) == (side, reason)


def test_an_order_is_opened_once_with_exactly_the_quoted_amounts(edge: Edge) -> None:
    quote = edge.quote(to_usdt(), approve=2)
    first, second = quote["orders"]
    assert first == second
    spend, order = first["spendInfo"], edge.order(first["orderId"])
    assert spend["spendTargets"] == [
        {"nativeAmount": quote["fromNativeAmount"], "publicAddress": order["from"]["address"]}
    ]
    saved = spend["savedAction"]
    assert saved["fromAsset"]["nativeAmount"] == quote["fromNativeAmount"]
    assert saved["toAsset"]["nativeAmount"] == quote["toNativeAmount"]
    assert saved["isEstimate"] is False
    assert saved["orderUri"] == order["statusUrl"]
    assert saved["payoutAddress"] == TRON["receiveAddress"] == order["to"]["address"]
    assert saved["refundAddress"] == BITCOIN["receiveAddress"] == order["back"]["address"]
    assert spend["memos"] == []


def test_the_tag_of_a_deposit_is_a_memo(edge: Edge) -> None:
    (order,) = edge.quote(request(RIPPLE, BITCOIN, 50_000_000), approve=1)["orders"]
    tag = edge.order(order["orderId"])["from"]["tag"]
    assert order["spendInfo"]["memos"] == [{"type": "number", "value": tag}]
    assert tag.isdigit()


def test_a_promo_code_is_the_reference_code_of_the_order(edge: Edge) -> None:
    code = f"e-{uuid4().hex[:12]}"
    edge.partner.call("/codes", {"code": code, "afftaxBps": 70})
    order = edge.order(edge.opened(to_usdt(), options={"promoCode": code}))
    assert (order["code"], order["markupBps"]) == (code, 70)


@contextmanager
def without_fixed_rates(edge: Edge, by_hand: Running) -> Iterator[None]:
    fixed = quote_request(type="fixed")
    try:
        by_hand.json("fixed-rates", "off")
        edge.partner.until(1, "/price", fixed)
        yield
    finally:
        by_hand.json("fixed-rates", "on")
        edge.partner.until(0, "/price", fixed)


def test_without_fixed_rates_a_quote_is_an_estimate(edge: Edge, by_hand: Running) -> None:
    with without_fixed_rates(edge, by_hand):
        quote = edge.quote(to_usdt(), approve=1)
    assert quote["isEstimate"] is True
    assert edge.order(quote["orders"][0]["orderId"])["type"] == "float"


def test_an_order_is_followed_until_it_is_completed(edge: Edge) -> None:
    order_id = edge.opened(to_usdt())
    seen = [edge.run("status", orderId=order_id)]
    for name in ("deposit", "confirm", "payout"):
        edge.step(order_id, name)
        seen.append(edge.run("status", orderId=order_id))
    assert seen == ["pending", "processing", "processing", "completed"]
    assert edge.order(order_id)["to"]["tx"]["id"] is not None


def expired(edge: Edge, order_id: str) -> None:
    edge.step(order_id, "expire")


def held(edge: Edge, order_id: str) -> None:
    edge.step(order_id, "deposit", late=True)
    edge.step(order_id, "confirm")


ENDS: dict[str, Callable[[Edge, str], None]] = {"expired": expired, "infoNeeded": held}


@pytest.mark.parametrize("status", ENDS)
def test_an_order_that_is_not_paid_as_agreed_has_its_status(edge: Edge, status: str) -> None:
    order_id = edge.opened(to_usdt())
    ENDS[status](edge, order_id)
    assert edge.run("status", orderId=order_id) == status


def test_a_refund_that_was_chosen_is_followed(edge: Edge, by_hand: Running) -> None:
    order_id = edge.opened(to_usdt())
    held(edge, order_id)
    by_hand.json("order", "resolve", order_id, "refund")
    wait_until(lambda: edge.order(order_id)["outcome"], "REFUNDED".__eq__)
    assert edge.run("status", orderId=order_id) == "refunded"
