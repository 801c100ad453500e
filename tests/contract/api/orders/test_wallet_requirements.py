"""What wallets require of an exchange (docs/wallets.md), where no other test states it."""

from typing import Any

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, Swaps
from tests.support.clients.partner import quote_request, send
from tests.support.waiting import wait_until

REGION = "BV"
USDT_BSC = "0x55d398326f99059fF775485246999027B3197955"
ETH_ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


def test_all_problems_of_a_quote_are_in_one_response(swaps: Swaps) -> None:
    wanted = quote_request(toCcy="btc", amount="0.00000001", region=REGION)
    swaps.command("region", "block", REGION)
    try:
        wait_until(
            lambda: {one["type"] for one in swaps.partner.call("/quote", wanted).data["problems"]},
            {"REGION_RESTRICTED", "PAIR_UNSUPPORTED", "LIMIT_MIN"}.__eq__,
        )
    finally:
        swaps.command("region", "allow", REGION)


def test_an_order_is_opened_by_evm_chain_id_and_contract(swaps: Swaps) -> None:
    order = swaps.partner.call(
        "/create",
        {
            "type": "float",
            "direction": "from",
            "amount": "25",
            "from": {"chain": "evmGeneric", "chainId": 56, "contract": USDT_BSC.lower()},
            "to": {"chain": "evmGeneric", "chainId": 1, "contract": None},
            "toAddress": ETH_ADDRESS,
            "refundAddress": ETH_ADDRESS,
        },
    ).data
    sides = [
        (order[side]["chain"], order[side]["chainId"], order[side]["contract"])
        for side in ("from", "to")
    ]
    assert sides == [("bnbsmartchain", 56, USDT_BSC), ("ethereum", 1, None)]


def test_the_id_of_an_order_is_all_that_its_public_status_and_page_need(swaps: Swaps) -> None:
    order = swaps.opened()
    status = send(f"{swaps.up.base_url}/v1/status/{order['id']}", method="GET").data
    assert (status["id"], status["status"]) == (order["id"], "NEW")
    assert order["statusUrl"].endswith(f"/status/{order['id']}")
    page = send(f"{swaps.up.base_url}/status/{order['id']}", method="GET")
    assert page.status == 200
    assert b"NEW" in page.body


REPORTED = {
    "createdDate": ("time", "reg"),
    "completedDate": ("time", "finish"),
    "sourceNetwork": ("from", "chain"),
    "sourceTokenId": ("from", "contract"),
    "sourceEvmChainId": ("from", "chainId"),
    "sourceCurrencyCode": ("from", "code"),
    "sourceAmount": ("from", "tx", "amount"),
    "destinationNetwork": ("to", "chain"),
    "destinationTokenId": ("to", "contract"),
    "destinationEvmChainId": ("to", "chainId"),
    "destinationCurrencyCode": ("to", "code"),
    "destinationAmount": ("to", "tx", "amount"),
    "payinAddress": ("from", "address"),
    "payoutAddress": ("to", "address"),
    "payinTxid": ("from", "tx", "id"),
    "payoutTxid": ("to", "tx", "id"),
    "status": ("status",),
    "orderId": ("id",),
}
"""Each field that a report must have, and where it is in the order object."""
MAY_BE_NULL = {"sourceTokenId", "sourceEvmChainId", "destinationEvmChainId"}
"""Of an order from Bitcoin to a token on Tron."""


def found(order: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = order
    for name in path:
        value = value[name]
    return value


def test_a_listed_order_has_every_field_of_a_report(swaps: Swaps) -> None:
    order = swaps.opened(toCcy="usdt_trc20")
    for name in ("deposit", "confirm", "payout"):
        assert swaps.partner.call(f"/sandbox/{name}", {"id": order["id"]}).code == 0
    listed = swaps.partner.call("/orders", {"status": "DONE", "limit": 1}).data["orders"]
    report = {name: found(listed[0], path) for name, path in REPORTED.items()}
    assert {name for name, value in report.items() if value is None} == MAY_BE_NULL
    assert (report["orderId"], report["status"]) == (order["id"], "DONE")
    assert report["sourceAmount"] == AGREED
    assert report["completedDate"] >= report["createdDate"]
