"""Section 22 of the contract, /v1/sandbox: every status is reached without a shell."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, LITTLE, MUCH, Swaps
from tests.support.clients.partner import Partner, Response
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

DETAILS = {"X-API-DETAILS": "1"}
AN_ID = "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47"
STEPS = ("deposit", "confirm", "payout", "expire", "advance")
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving("") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def swaps(by_hand: Running, receiver: Receiver) -> Swaps:
    return Swaps(by_hand, receiver)


@pytest.fixture(scope="module")
def stranger(by_hand: Running) -> Partner:
    return Swaps(by_hand).partner


def step(swaps: Swaps, order: dict[str, Any], name: str, **fields: object) -> Response:
    body = {"id": order["id"], **fields}
    return swaps.partner.call(f"/sandbox/{name}", body, **DETAILS)


def steps(swaps: Swaps, order: dict[str, Any], *names: str, **fields: object) -> dict[str, Any]:
    """Perform a deposit with `fields`, and other steps; return the order then."""
    shown = order
    for name in names:
        shown = step(swaps, order, name, **(fields if name == "deposit" else {})).data
    return shown


REACHED: dict[str, tuple[tuple[str, ...], dict[str, object], str, list[str]]] = {
    "deposit": (("deposit",), {}, "PENDING", []),
    "deposit of the agreed amount": (("deposit",), {"amount": AGREED}, "PENDING", []),
    "deposit of null": (("deposit",), {"amount": None}, "PENDING", []),
    "confirmed": (("deposit", "confirm"), {}, "EXCHANGE", []),
    "paid out": (("deposit", "confirm", "payout"), {}, "DONE", []),
    "expired": (("expire",), {}, "EXPIRED", []),
    "too little": (("deposit", "confirm"), {"amount": LITTLE}, "EMERGENCY", ["LIMIT"]),
    "too much": (("deposit", "confirm"), {"amount": MUCH}, "EMERGENCY", ["LIMIT"]),
    "late": (("deposit",), {"late": True}, "EXPIRED", []),
    "late and confirmed": (("deposit", "confirm"), {"late": True}, "EMERGENCY", ["EXPIRED"]),
    "after expiry": (("expire", "deposit", "confirm"), {}, "EMERGENCY", ["EXPIRED"]),
    "two deposits": (("deposit", "deposit", "confirm"), {"amount": "0.005"}, "EXCHANGE", []),
}


@pytest.mark.parametrize("name", REACHED)
def test_steps_lead_to_the_status(swaps: Swaps, name: str) -> None:
    names, fields, status, emergency = REACHED[name]
    order = swaps.opened()
    shown = steps(swaps, order, *names, **fields)
    assert (shown["status"], shown["emergency"]["status"]) == (status, emergency)
    assert swaps.shown(order)["status"] == status


def test_every_step_sends_the_webhook_of_its_status(swaps: Swaps, receiver: Receiver) -> None:
    order = swaps.opened()
    steps(swaps, order, "deposit", "confirm", "payout")
    wait_until(
        lambda: receiver.statuses(order["id"]),
        lambda seen: seen == ["PENDING", "EXCHANGE", "DONE"],
    )


def test_a_refund_is_reached_by_the_partners_own_choice(swaps: Swaps) -> None:
    order = swaps.opened()
    steps(swaps, order, "deposit", "confirm", amount=MUCH)
    assert swaps.call("/emergency", order, choice="REFUND").data is True
    refunded = swaps.until(order, "EXPIRED")
    assert refunded["back"]["tx"]["id"]


def test_advancing_the_clock_shortens_the_time_left(swaps: Swaps) -> None:
    order = swaps.opened()
    advanced = step(swaps, order, "advance", seconds=600).data
    assert advanced["time"]["expiration"] == order["time"]["expiration"] - 600
    assert advanced["status"] == "NEW"
    assert step(swaps, order, "advance", seconds=3600).data["status"] == "EXPIRED"


RESOURCES = {
    "order.status_changed": "order",
    "partner.paid_out": "payout",
    "earnings.cleared": "earnings",
    "payout_details.changed": "payoutDetails",
    "webhook.test": "test",
}


@pytest.mark.parametrize("name", RESOURCES)
def test_a_test_event_of_every_type_is_delivered(
    swaps: Swaps, receiver: Receiver, name: str
) -> None:
    """Most of them are not subscribed to."""
    event_id = swaps.partner.call("/sandbox/webhook", {"type": name}).data["id"]
    wait_until(lambda: list(receiver.ids), lambda ids: event_id in ids)
    assert receiver.types[event_id] == name
    (body,) = receiver.bodies[event_id]
    event = json.loads(body)
    assert list(event) == ["event", RESOURCES[name], "ts"]
    assert event["event"] == name
    resource = event[RESOURCES[name]]
    assert name == "earnings.cleared" or resource["id"] == event_id


def test_the_order_of_a_test_event_has_the_fields_of_orders_and_does_not_exist(
    swaps: Swaps, receiver: Receiver
) -> None:
    sent = {"type": "order.status_changed"}
    event_id = swaps.partner.call("/sandbox/webhook", sent).data["id"]
    wait_until(lambda: list(receiver.ids), lambda ids: event_id in ids)
    (order,) = receiver.changes(event_id)
    opened = swaps.opened()
    assert [*order, "token"] == list(opened)
    assert [order[side].keys() for side in ("time", "from", "to", "back")] == [
        opened[side].keys() for side in ("time", "from", "to", "back")
    ]
    assert (order["status"], order["from"]["tx"]["id"]) == ("NEW", None)
    assert swaps.partner.call("/order", {"id": event_id}).code == 6


def test_test_events_are_no_facts(swaps: Swaps) -> None:
    swaps.partner.call("/sandbox/webhook", {"type": "partner.paid_out"})
    assert swaps.command("reconcile")["differences"] == []
    assert swaps.command("earnings", "show", swaps.email)["paidUsd"] == "0.00"


AFTER: dict[str, tuple[tuple[str, ...], str]] = {
    "confirm without a deposit": ((), "confirm"),
    "payout without a deposit": ((), "payout"),
    "payout of what is not confirmed": (("deposit",), "payout"),
    "expiry of what is paid in": (("deposit",), "expire"),
    "expiry of what is paid out": (("deposit", "confirm", "payout"), "expire"),
    "expiry twice": (("expire",), "expire"),
    "payout twice": (("deposit", "confirm", "payout"), "payout"),
    "payout of what is expired": (("expire",), "payout"),
}


@pytest.mark.parametrize("name", AFTER)
def test_a_step_that_the_status_does_not_permit_is_rejected(swaps: Swaps, name: str) -> None:
    before, impossible = AFTER[name]
    order = swaps.opened()
    status = steps(swaps, order, *before)["status"]
    response = step(swaps, order, impossible)
    assert (response.status, response.code) == (400, 1)
    assert response.json()["details"] == [{"field": "id", "reason": "STATE"}]
    assert swaps.shown(order)["status"] == status


REJECTED: dict[str, tuple[str, dict[str, object], str, str]] = {
    "an amount with an exponent": ("deposit", {"amount": "1e-2"}, "amount", "FORMAT"),
    "a negative amount": ("deposit", {"amount": "-0.01"}, "amount", "FORMAT"),
    "an amount of nothing": ("deposit", {"amount": "0"}, "amount", "RANGE"),
    "nine decimals": ("deposit", {"amount": "0.010000001"}, "amount", "PRECISION"),
    "21 digits": ("deposit", {"amount": "1" * 21}, "amount", "RANGE"),
    "an amount of words": ("deposit", {"amount": "all"}, "amount", "FORMAT"),
    "an amount in a list": ("deposit", {"amount": ["0.01"]}, "amount", "FORMAT"),
    "late as text": ("deposit", {"late": "yes"}, "late", "TYPE"),
    "late as a number": ("deposit", {"late": 1}, "late", "TYPE"),
    "no seconds": ("advance", {}, "seconds", "MISSING"),
    "no time": ("advance", {"seconds": 0}, "seconds", "RANGE"),
    "back in time": ("advance", {"seconds": -1}, "seconds", "RANGE"),
    "more than a week": ("advance", {"seconds": 604_801}, "seconds", "RANGE"),
    "half a second": ("advance", {"seconds": 0.5}, "seconds", "TYPE"),
    "seconds as text": ("advance", {"seconds": "60"}, "seconds", "TYPE"),
    "an id that is no text": ("confirm", {"id": 7}, "id", "TYPE"),
    "no id": ("payout", {"id": None}, "id", "TYPE"),
    "no type of event": ("webhook", {}, "type", "MISSING"),
    "an event of another case": ("webhook", {"type": "WEBHOOK.TEST"}, "type", "VALUE"),
    "an event of nothing": ("webhook", {"type": ""}, "type", "VALUE"),
    "a list of events": ("webhook", {"type": ["webhook.test"]}, "type", "TYPE"),
    "an event of no kind": ("webhook", {"type": "order"}, "type", "VALUE"),
    "a type that is no text": ("webhook", {"type": 1}, "type", "TYPE"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_bad_input_is_named_and_changes_nothing(swaps: Swaps, name: str) -> None:
    call, fields, field, reason = REJECTED[name]
    order = swaps.opened()
    response = step(swaps, order, call, **fields)
    assert (response.status, response.code) == (400, 1)
    assert response.json()["details"] == [{"field": field, "reason": reason}]
    shown = swaps.shown(order)
    assert (shown["status"], shown["time"]["expiration"]) == (
        "NEW",
        order["time"]["expiration"],
    )


UNKNOWN: dict[str, Callable[[dict[str, Any]], str]] = {
    "an unknown id": lambda _: AN_ID,
    "no UUID": lambda _: "order",
    "an empty text": lambda _: "",
    "an id in braces": lambda order: f"{{{order['id']}}}",
    "an id with a line feed": lambda order: f"{order['id']}\n",
}


@pytest.mark.parametrize("call", STEPS)
@pytest.mark.parametrize("name", UNKNOWN)
def test_an_order_that_does_not_exist_is_not_found(swaps: Swaps, name: str, call: str) -> None:
    order = {"id": UNKNOWN[name](swaps.opened() if "order" in name or "an id" in name else {})}
    response = step(swaps, order, call, **({"seconds": 1} if call == "advance" else {}))
    assert (response.status, response.body) == (404, NOT_FOUND)


@pytest.mark.parametrize("call", STEPS)
def test_an_order_of_another_partner_is_not_found_and_unchanged(
    swaps: Swaps, stranger: Partner, call: str
) -> None:
    order = swaps.opened()
    fields = {"seconds": 3600} if call == "advance" else {}
    response = stranger.call(f"/sandbox/{call}", {"id": order["id"], **fields}, **DETAILS)
    assert (response.status, response.body) == (404, NOT_FOUND)
    assert swaps.shown(order)["status"] == "NEW"


def test_a_test_event_without_a_url_is_rejected(stranger: Partner) -> None:
    response = stranger.call("/sandbox/webhook", {"type": "webhook.test"}, **DETAILS)
    assert response.code == 1
    assert response.json()["details"] == [{"field": None, "reason": "NO_WEBHOOK_URL"}]


@pytest.mark.parametrize("call", [*STEPS, "webhook"])
def test_calls_have_to_be_signed_and_have_weight_1(swaps: Swaps, call: str) -> None:
    unsigned = swaps.partner.post(f"/sandbox/{call}", b"{}", {})
    assert unsigned.code == 2
    before = swaps.partner.remaining_weight()
    swaps.partner.call(f"/sandbox/{call}", {})
    assert before - swaps.partner.remaining_weight() == 2
