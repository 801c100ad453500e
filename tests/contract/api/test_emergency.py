"""Section 5 of the contract, /v1/emergency, and its webhooks: from the hold to each outcome."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, LITTLE, MUCH, Swaps
from tests.support.clients.partner import Partner, order_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

Order = dict[str, Any]
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'
NOT_OFFERED = b'{"code":12,"msg":"EMERGENCY_INVALID_CHOICE"}'
ACCEPTED = b'{"code":0,"msg":"","data":true}'


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving("") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def swaps(by_hand: Running, receiver: Receiver) -> Swaps:
    return Swaps(by_hand, receiver)


@pytest.fixture(scope="module")
def automatic(up: Running) -> Swaps:
    """A partner of a service without refunds, which settles deposits automatically."""
    return Swaps(up)


HELD: dict[str, tuple[Callable[[Swaps], Order], list[str], list[str]]] = {
    "too little": (lambda swaps: swaps.held(LITTLE), ["LIMIT"], ["PENDING"]),
    "too late": (lambda swaps: swaps.held_late(), ["EXPIRED"], ["EXPIRED"]),
}
RESOLVED: dict[str, tuple[Callable[[Swaps, Order], object], str, str]] = {
    "partner: exchange": (
        lambda swaps, order: swaps.call("/emergency", order, choice="EXCHANGE").data,
        "EXCHANGE",
        "EXCHANGE",
    ),
    "partner: refund": (
        lambda swaps, order: swaps.call("/emergency", order, choice="REFUND").data,
        "EXPIRED",
        "REFUND",
    ),
    "operator: exchange": (
        lambda swaps, order: swaps.command("order", "resolve", order["id"], "exchange"),
        "EXCHANGE",
        "EXCHANGE",
    ),
    "operator: refund": (
        lambda swaps, order: swaps.command("order", "resolve", order["id"], "refund"),
        "EXPIRED",
        "REFUND",
    ),
    "operator: cancel": (
        lambda swaps, order: swaps.command("order", "resolve", order["id"], "cancel"),
        "EXPIRED",
        "NONE",
    ),
}


IMPOSSIBLE = ("too little", "operator: refund")
"""The deposit is below the network fee of its refund."""


@pytest.mark.parametrize(
    ("hold_reason", "resolution"), [one for one in product(HELD, RESOLVED) if one != IMPOSSIBLE]
)
def test_every_emergency_is_resolved_and_sends_its_events(
    swaps: Swaps, receiver: Receiver, hold_reason: str, resolution: str
) -> None:
    hold, reasons, before = HELD[hold_reason]
    resolve, status, choice = RESOLVED[resolution]
    order = hold(swaps)
    held = swaps.shown(order)
    assert held["emergency"] == {"status": reasons, "choice": "NONE"}
    assert held["time"]["finish"] is None

    assert resolve(swaps, order)
    resolved = swaps.until(order, status)
    assert resolved["emergency"] == {"status": [], "choice": choice}
    expected = [*before, "EMERGENCY", status]
    if status == "EXCHANGE":
        assert resolved["from"]["amount"] == resolved["from"]["tx"]["amount"]
        swaps.command("sandbox", "payout", order["id"])
        expected.append("DONE")
    ended = swaps.shown(order)
    assert ended["time"]["finish"] is not None
    assert (ended["back"]["tx"]["id"] is not None) == (choice == "REFUND")

    changes = received(receiver, order, expected)
    assert [one["emergency"] for one in changes] == [
        {
            "status": reasons if one["status"] == "EMERGENCY" else [],
            "choice": choice if number > expected.index("EMERGENCY") else "NONE",
        }
        for number, one in enumerate(changes)
    ]
    assert without_left(changes[-1]) == without_left(ended)
    assert receiver.forged == []
    assert all(len(bodies) == 1 for bodies in receiver.bodies.values())


def test_more_than_the_maximum_is_exchanged_only_by_the_operators_permission(
    swaps: Swaps, receiver: Receiver
) -> None:
    order = swaps.held(MUCH)
    response = swaps.call("/emergency", order, choice="EXCHANGE")
    assert (response.status, response.body) == (400, NOT_OFFERED)
    refused = swaps.error("order", "resolve", order["id"], "exchange")
    assert refused.startswith("The deposit is worth more than the pair's maximum")
    above = ("order", "resolve", order["id"], "exchange", "--above-maximum")
    assert "requires a --reason" in swaps.error(*above)
    swaps.command(*above, "--reason", "Agreed with the customer")
    assert swaps.shown(order)["from"]["amount"] == MUCH
    received(receiver, order, ["PENDING", "EMERGENCY", "EXCHANGE"])


def test_more_than_the_maximum_can_be_refunded(swaps: Swaps) -> None:
    order = swaps.held(MUCH)
    assert swaps.call("/emergency", order, choice="REFUND").data is True
    swaps.until(order, "EXPIRED")


def received(receiver: Receiver, order: Order, expected: list[str]) -> list[Order]:
    """Wait for an order's events and return their orders, each event once, in their sequence."""
    changes = wait_until(
        lambda: receiver.changes(order["id"]), lambda known: len(known) >= len(expected)
    )
    assert [one["status"] for one in changes] == expected
    return changes


def without_left(order: Order) -> Order:
    return {**order, "time": {**order["time"], "left": None}}


def test_events_of_a_deposit_in_parts_have_the_amount_received_so_far(
    swaps: Swaps, receiver: Receiver
) -> None:
    order = swaps.opened()
    first = swaps.deposited(order, "0.004")["from"]["tx"]
    assert first["amount"] == "0.00400000"
    assert swaps.deposited(order, "0.006")["from"]["tx"] == {**first, "amount": "0.01000000"}
    assert swaps.shown(order)["status"] == "PENDING"
    assert swaps.confirmed(order)["from"]["tx"] == {**first, "amount": "0.01000000"}
    swaps.command("sandbox", "payout", order["id"])
    changes = received(receiver, order, ["PENDING", "EXCHANGE", "DONE"])
    assert [one["from"]["tx"]["amount"] for one in changes] == [
        *("0.00400000", "0.01000000", "0.01000000")
    ]
    assert changes[1]["from"]["amount"] == "0.01000000"


def test_a_further_deposit_to_an_order_on_hold_is_exchanged_with_the_first(swaps: Swaps) -> None:
    order = swaps.held(LITTLE)
    swaps.deposited(order, "0.00992000")
    held = swaps.shown(order)
    assert held["emergency"]["status"] == ["LIMIT"]
    assert held["from"]["tx"]["amount"] == "0.00992800"
    assert swaps.call("/emergency", order, choice="EXCHANGE").data is True
    assert swaps.shown(order)["status"] == "EMERGENCY", "it waits until all deposits are confirmed"
    swaps.confirmed(order)
    assert swaps.until(order, "EXCHANGE")["from"]["amount"] == "0.00992800"


def test_a_deposit_after_the_payout_changes_nothing_and_is_shown_to_the_operator(
    swaps: Swaps, receiver: Receiver
) -> None:
    order = swaps.opened()
    swaps.deposited(order, AGREED)
    swaps.confirmed(order)
    before = swaps.shown(order)
    seen = swaps.deposited(order, "0.00100000")
    assert without_left(swaps.shown(order)) == without_left(before)
    swaps.command("sandbox", "payout", order["id"])
    swaps.deposited(order, "0.00200000")
    swaps.confirmed(order)
    received(receiver, order, ["PENDING", "EXCHANGE", "DONE"])

    shown = swaps.command("order", "show", order["id"])
    assert [(one["amount"], one["stray"]) for one in shown["deposits"]] == [
        ("0.01000000", False),
        ("0.00100000", True),
        ("0.00200000", True),
    ]
    assert [one["txId"] for one in shown["deposits"]][:2] == [
        seen["from"]["tx"]["id"],
        seen["deposits"][1]["txId"],
    ]
    assert all(one["confirmedAt"] for one in shown["deposits"])
    assert order["id"] in [one["id"] for one in swaps.command("order", "list", "--stray")]
    assert "0.00100000, 0.00200000" in swaps.run("order", "list", "--stray").stdout
    assert "0.00200000, confirmed, LATE" in swaps.run("order", "show", order["id"]).stdout


def test_the_choice_is_shown_until_it_is_carried_out(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.deposited(order, "0.001")  # settlement waits for its confirmation
    for _ in range(3):
        assert swaps.call("/emergency", order, choice="EXCHANGE").body == ACCEPTED
        held = swaps.shown(order)
        assert held["status"] == "EMERGENCY"
        assert held["emergency"] == {"status": ["LIMIT"], "choice": "EXCHANGE"}
    assert swaps.call("/emergency", order, choice="REFUND").body == NOT_OFFERED
    refused = swaps.error("order", "resolve", order["id"], "cancel")
    assert refused == "The partner has chosen EXCHANGE"
    swaps.confirmed(order)
    swaps.until(order, "EXCHANGE")
    assert swaps.call("/emergency", order, choice="EXCHANGE").body == ACCEPTED
    swaps.command("sandbox", "payout", order["id"])
    assert swaps.call("/emergency", order, choice="EXCHANGE").body == ACCEPTED
    assert swaps.call("/emergency", order, choice="REFUND").body == NOT_FOUND


def test_an_operator_overrules_the_choice_of_a_partner(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.deposited(order, "0.001")
    swaps.call("/emergency", order, choice="EXCHANGE")
    ended = swaps.command("order", "resolve", order["id"], "cancel", "--overrule")
    assert (ended["status"], ended["state"]) == ("EXPIRED", "cancelled")
    assert ended["emergency"] == {"status": [], "choice": "NONE"}


def test_an_exchange_uses_the_rate_of_its_moment(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.until_another_rate(order)
    swaps.call("/emergency", order, choice="EXCHANGE")
    exchanged = swaps.until(order, "EXCHANGE")
    assert exchanged["rate"] != order["rate"]
    assert exchanged["from"]["amount"] == LITTLE
    assert float(exchanged["to"]["amount"]) == pytest.approx(
        float(LITTLE) * float(exchanged["rate"]) - float(exchanged["networkFee"])
    )


def test_a_deposit_below_the_network_fee_cannot_be_exchanged(swaps: Swaps) -> None:
    order = swaps.held("0.00000100")
    response = swaps.call("/emergency", order, choice="EXCHANGE")
    assert (response.status, response.body) == (400, NOT_OFFERED)
    assert swaps.shown(order)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}
    refused = swaps.error("order", "resolve", order["id"], "exchange")
    assert refused == "The deposit doesn't cover the network fee"
    assert swaps.call("/emergency", order, choice="REFUND").data is True
    swaps.until(order, "EXPIRED")


def test_a_choice_is_accepted_during_maintenance(swaps: Swaps) -> None:
    order = swaps.held()
    try:
        swaps.command("maintenance", "on")
        swaps.partner.until(10, "/create", order_request())
        assert swaps.call("/emergency", order, choice="EXCHANGE").data is True
        swaps.until(order, "EXCHANGE")
    finally:
        swaps.command("maintenance", "off")
        swaps.partner.until(0, "/price", order_request())


def test_an_emergency_call_has_weight_one(by_hand: Running) -> None:
    """A new partner has no earlier calls whose weight could return to the budget meanwhile."""
    swaps = Swaps(by_hand)
    order = swaps.held()
    remaining = [
        int(swaps.call(path, order, **more).headers["ratelimit"].partition("r=")[2].split(";")[0])
        for path, more in (("/order", {}), ("/emergency", {"choice": "NOPE"}), ("/order", {}))
    ]
    assert (remaining[0] - remaining[1], remaining[1] - remaining[2]) == (1, 1)


def test_emergency_is_also_served_below_the_api_prefix(swaps: Swaps) -> None:
    order = swaps.held()
    partner = Partner(f"{swaps.up.base_url}/api", swaps.partner.api_key, swaps.partner.api_secret)
    request = {"id": order["id"], "token": order["token"], "choice": "EXCHANGE"}
    assert partner.call("/emergency", request).body == ACCEPTED


@pytest.mark.parametrize("_", range(3))
def test_of_concurrent_choices_of_partner_and_operator_one_takes_effect(
    swaps: Swaps, _: int
) -> None:
    order = swaps.held()
    with ThreadPoolExecutor(1) as pool:
        choosing = pool.submit(swaps.call, "/emergency", order, choice="EXCHANGE")
        by_operator = swaps.run("order", "resolve", order["id"], "refund")
    if choosing.result().body == ACCEPTED:
        assert by_operator.exit_code == 1
        swaps.until(order, "EXCHANGE")
    else:
        assert choosing.result().body == NOT_FOUND
        assert by_operator.exit_code == 0
        assert swaps.shown(order)["status"] == "EXPIRED"


def test_without_refunds_only_an_exchange_can_be_chosen(automatic: Swaps) -> None:
    order = automatic.opened()
    automatic.deposited(order, LITTLE)
    automatic.until(order, "EMERGENCY")
    response = automatic.call("/emergency", order, choice="REFUND")
    assert (response.status, response.body) == (400, NOT_OFFERED)
    assert automatic.call("/emergency", order, choice="EXCHANGE").body == ACCEPTED
    done = automatic.until(order, "DONE")
    assert done["to"]["tx"]["id"] is not None
    assert done["emergency"] == {"status": [], "choice": "EXCHANGE"}


def test_a_deposit_in_parts_is_settled_automatically(automatic: Swaps) -> None:
    order = automatic.opened()
    automatic.deposited(order, "0.004")
    automatic.deposited(order, "0.003")
    assert automatic.until(order, "DONE")["from"]["amount"] == "0.00700000"


def test_every_deposit_is_confirmed_automatically(automatic: Swaps) -> None:
    def confirmed(order: Order, amount: str) -> Callable[[], bool]:
        return lambda: any(
            one["amount"] == amount and one["confirmedAt"]
            for one in automatic.command("order", "show", order["id"])["deposits"]
        )

    order = automatic.opened()
    automatic.deposited(order, LITTLE)
    automatic.until(order, "EMERGENCY")
    automatic.deposited(order, "0.00100000")
    wait_until(confirmed(order, "0.00100000"))
    assert automatic.shown(order)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}
    automatic.call("/emergency", order, choice="EXCHANGE")
    assert automatic.until(order, "DONE")["from"]["amount"] == "0.00100800"
    automatic.deposited(order, "0.00200000")
    wait_until(confirmed(order, "0.00200000"))
    assert automatic.shown(order)["from"]["tx"]["amount"] == "0.00100800"
