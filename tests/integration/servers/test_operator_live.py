"""The operator's changes take effect on every worker of a running service."""

import json
from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

import pytest

from gateway.runtime import watchers
from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

T = TypeVar("T")

PROMISED_SECONDS = 1.0
BUSY_SECONDS = 15.0
"""The documented limit, and the limit of the tests, where workers share busy cores."""


def wait_for(read: Callable[[], T], expected: T) -> None:
    """Wait until `read` returns the expected value from every worker."""
    wait_until(
        read,
        lambda value: value == expected,
        consecutive=ALL_WORKERS,
        seconds=BUSY_SECONDS,
    )


def listed(up: Running) -> set[str]:
    response = send(f"{up.base_url}/v1/currencies", b"{}")
    return {asset["code"] for asset in response.data}


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@wallet.example"


@pytest.fixture
def partner(up: Running, email: str) -> Partner:
    """A partner of one test, with a budget that the test does not exhaust."""
    created = up.json("partner", "create", "--email", email)
    up.json("partner", "set", email, "--budget", "10000000")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()


def test_workers_read_changes_often_enough_for_the_promised_second() -> None:
    assert watchers.POLL_INTERVAL_SECONDS <= PROMISED_SECONDS / 4


def test_a_new_partner_can_call_at_once(partner: Partner) -> None:
    wait_for(lambda: partner.call("/price", quote_request()).code, 0)


def test_an_asset_is_delisted_and_listed_again(up: Running, partner: Partner) -> None:
    request = quote_request(toCcy="xmr")
    try:
        up.json("asset", "disable", "xmr")
        wait_for(lambda: "xmr" in listed(up), expected=False)
        wait_for(lambda: partner.call("/price", request).code, 1)
    finally:
        up.json("asset", "enable", "xmr")
    wait_for(lambda: "xmr" in listed(up), expected=True)
    wait_for(lambda: partner.call("/price", request).code, 0)


def test_a_disabled_partner_is_rejected_and_accepted_again(
    up: Running, partner: Partner, email: str
) -> None:
    wait_for(lambda: partner.call("/price", quote_request()).code, 0)

    up.json("partner", "disable", email)
    wait_for(lambda: partner.call("/price", quote_request()).code, 4)
    up.json("partner", "enable", email)
    wait_for(lambda: partner.call("/price", quote_request()).code, 0)


def test_maintenance_rejects_new_orders(up: Running, partner: Partner) -> None:
    too_much = order_request(amount="1")
    wait_for(lambda: partner.call("/create", too_much).code, 8)
    try:
        up.json("maintenance", "on")
        wait_for(lambda: partner.call("/create", too_much).code, 10)
    finally:
        up.json("maintenance", "off")
    wait_for(lambda: partner.call("/create", too_much).code, 8)


def test_a_blocked_region_gets_no_quotes_until_it_is_allowed_again(
    up: Running, partner: Partner
) -> None:
    def problems(region: str | None) -> list[str]:
        data = partner.call("/quote", quote_request(region=region)).data
        return [problem["type"] for problem in data["problems"]]

    try:
        up.json("region", "block", "KP", "IR")
        wait_for(lambda: problems("KP"), ["REGION_RESTRICTED"])
        assert problems("DE") == problems(None) == []
    finally:
        up.json("region", "allow", "KP", "IR")
    wait_for(lambda: len(problems("KP")), 0)


def test_a_deposit_is_settled_automatically(up: Running, partner: Partner) -> None:
    wait_for(lambda: partner.call("/price", quote_request()).code, 0)
    order = partner.call("/create", order_request()).data
    access = {"id": order["id"], "token": order["token"]}

    deposited = up.json("sandbox", "deposit", order["id"])
    assert (deposited["id"], deposited["status"]) == (order["id"], "PENDING")
    wait_until(lambda: partner.call("/order", access).data["status"], "DONE".__eq__)
    assert up.json("order", "show", order["id"])["state"] == "completed"


def test_every_check_of_a_running_service_passes(up: Running) -> None:
    wait_until(lambda: json.loads(up.command("doctor", "--json").stdout), lambda one: one["ok"])
