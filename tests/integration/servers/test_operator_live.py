"""What the operator does takes effect in a running service within a second."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request, send

SECOND = 1.0
SETTLED_SECONDS = 15


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until something holds for every worker: twenty times in a row."""
    deadline = time.monotonic() + seconds
    in_a_row = 0
    while in_a_row < 20:
        in_a_row = in_a_row + 1 if holds() else 0
        assert in_a_row or time.monotonic() < deadline, "it takes too long"
        time.sleep(0.005)


def listed(up: Running) -> set[str]:
    answer = send(f"{up.base_url}/v1/currencies", b"{}")
    return {asset["code"] for asset in answer.data}


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@wallet.example"


@pytest.fixture
def partner(up: Running, email: str) -> Partner:
    """A partner of this test alone, which may ask as often as it likes."""
    created = up.json("partner", "create", "--email", email)
    up.json("partner", "set", email, "--budget", "10000000")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).once_known()


def test_a_new_partner_can_call_at_once(partner: Partner) -> None:
    within(SECOND, lambda: partner.call("/price", quote_request()).code == 0)


def test_an_asset_leaves_the_list_and_comes_back(up: Running, partner: Partner) -> None:
    request = quote_request(toCcy="xmr")
    try:
        up.json("asset", "disable", "xmr")
        within(SECOND, lambda: "xmr" not in listed(up))
        assert partner.call("/price", request).code == 1
    finally:
        up.json("asset", "enable", "xmr")
    within(SECOND, lambda: "xmr" in listed(up))
    assert partner.call("/price", request).code == 0


def test_a_disabled_partner_is_refused_and_let_in_again(
    up: Running, partner: Partner, email: str
) -> None:
    within(SECOND, lambda: partner.call("/price", quote_request()).code == 0)

    up.json("partner", "disable", email)
    within(SECOND, lambda: partner.call("/price", quote_request()).code == 4)
    up.json("partner", "enable", email)
    within(SECOND, lambda: partner.call("/price", quote_request()).code == 0)


def test_maintenance_refuses_new_orders(up: Running, partner: Partner) -> None:
    too_much = order_request(amount="1")
    within(SECOND, lambda: partner.call("/create", too_much).code == 8)
    try:
        up.json("maintenance", "on")
        within(SECOND, lambda: partner.call("/create", too_much).code == 10)
    finally:
        up.json("maintenance", "off")
    within(SECOND, lambda: partner.call("/create", too_much).code == 8)


def test_a_deposit_is_carried_to_its_payout_by_itself(up: Running, partner: Partner) -> None:
    within(SECOND, lambda: partner.call("/price", quote_request()).code == 0)
    order = partner.call("/create", order_request()).data
    asked = {"id": order["id"], "token": order["token"]}

    seen = up.json("sandbox", "deposit", order["id"])
    assert (seen["id"], seen["status"]) == (order["id"], "PENDING")
    within(SETTLED_SECONDS, lambda: partner.call("/order", asked).data["status"] == "DONE")
    assert up.json("order", "show", order["id"])["state"] == "completed"


def test_the_doctor_finds_a_fresh_service_sound(up: Running) -> None:
    document = up.json("doctor")

    assert document["ok"], document
