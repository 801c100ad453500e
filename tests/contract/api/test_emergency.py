"""Section 5 of the contract, /v1/emergency, and its webhooks: from being held to each end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, LITTLE, MUCH, Swaps
from tests.support.clients.partner import Partner, order_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

Order = dict[str, Any]
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'
NOT_OFFERED = b'{"code":12,"msg":"EMERGENCY_INVALID_CHOICE"}'
TAKEN = b'{"code":0,"msg":"","data":true}'


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving("") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def swaps(by_hand: Running, receiver: Receiver) -> Swaps:
    return Swaps(by_hand, receiver)


@pytest.fixture(scope="module")
def plain(up: Running) -> Swaps:
    """A partner of a service without refunds, where deposits are carried on by themselves."""
    return Swaps(up)


HELD: dict[str, tuple[Callable[[Swaps], Order], list[str], list[str]]] = {
    "too little": (lambda swaps: swaps.held(LITTLE), ["LIMIT"], ["PENDING"]),
    "too much": (lambda swaps: swaps.held(MUCH), ["LIMIT"], ["PENDING"]),
    "too late": (lambda swaps: swaps.held_late(), ["EXPIRED"], ["EXPIRED"]),
}
RESOLVED: dict[str, tuple[Callable[[Swaps, Order], object], str, str]] = {
    "partner: exchange": (
        lambda swaps, order: swaps.ask("/emergency", order, choice="EXCHANGE").data,
        "EXCHANGE",
        "EXCHANGE",
    ),
    "partner: refund": (
        lambda swaps, order: swaps.ask("/emergency", order, choice="REFUND").data,
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


@pytest.mark.parametrize("how", list(RESOLVED))
@pytest.mark.parametrize("why", list(HELD))
def test_every_emergency_is_resolved_and_told_of(
    swaps: Swaps, receiver: Receiver, why: str, how: str
) -> None:
    hold, reasons, before = HELD[why]
    resolve, status, choice = RESOLVED[how]
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

    changes = told(receiver, order, expected)
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


def told(receiver: Receiver, order: Order, expected: list[str]) -> list[Order]:
    """Wait for an order's events and return what they told, each event once, as they came."""
    changes = wait_until(
        lambda: receiver.changes(order["id"]), lambda known: len(known) >= len(expected)
    )
    assert [one["status"] for one in changes] == expected
    return changes


def without_left(order: Order) -> Order:
    return {**order, "time": {**order["time"], "left": None}}


def test_parts_are_told_of_once_and_with_what_has_come_by_then(
    swaps: Swaps, receiver: Receiver
) -> None:
    order = swaps.opened()
    first = swaps.deposited(order, "0.004")["from"]["tx"]
    assert first["amount"] == "0.00400000"
    assert swaps.deposited(order, "0.006")["from"]["tx"] == {**first, "amount": "0.01000000"}
    assert swaps.shown(order)["status"] == "PENDING"
    assert swaps.confirmed(order)["from"]["tx"] == {**first, "amount": "0.01000000"}
    swaps.command("sandbox", "payout", order["id"])
    changes = told(receiver, order, ["PENDING", "EXCHANGE", "DONE"])
    assert [one["from"]["tx"]["amount"] for one in changes] == [
        *("0.00400000", "0.01000000", "0.01000000")
    ]
    assert changes[1]["from"]["amount"] == "0.01000000"


def test_a_part_of_a_held_order_is_exchanged_with_the_rest(swaps: Swaps) -> None:
    order = swaps.held(LITTLE)
    swaps.deposited(order, "0.00992000")
    held = swaps.shown(order)
    assert held["emergency"]["status"] == ["LIMIT"]
    assert held["from"]["tx"]["amount"] == "0.00992800"
    assert swaps.ask("/emergency", order, choice="EXCHANGE").data is True
    assert swaps.shown(order)["status"] == "EMERGENCY", "not before all of it is confirmed"
    swaps.confirmed(order)
    assert swaps.until(order, "EXCHANGE")["from"]["amount"] == "0.00992800"


def test_a_part_after_the_payout_changes_nothing_and_is_shown_to_the_operator(
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
    told(receiver, order, ["PENDING", "EXCHANGE", "DONE"])

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


def test_the_choice_shows_while_it_is_carried_out(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.deposited(order, "0.001")  # what isn't confirmed keeps settlement waiting
    for _ in range(3):
        assert swaps.ask("/emergency", order, choice="EXCHANGE").body == TAKEN
        held = swaps.shown(order)
        assert held["status"] == "EMERGENCY"
        assert held["emergency"] == {"status": ["LIMIT"], "choice": "EXCHANGE"}
    assert swaps.ask("/emergency", order, choice="REFUND").body == NOT_OFFERED
    refused = swaps.error("order", "resolve", order["id"], "cancel")
    assert refused == "The partner has chosen EXCHANGE"
    swaps.confirmed(order)
    swaps.until(order, "EXCHANGE")
    assert swaps.ask("/emergency", order, choice="EXCHANGE").body == TAKEN
    swaps.command("sandbox", "payout", order["id"])
    assert swaps.ask("/emergency", order, choice="EXCHANGE").body == TAKEN
    assert swaps.ask("/emergency", order, choice="REFUND").body == NOT_FOUND


def test_an_operator_overrules_a_partner_on_purpose(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.deposited(order, "0.001")
    swaps.ask("/emergency", order, choice="EXCHANGE")
    ended = swaps.command("order", "resolve", order["id"], "cancel", "--overrule")
    assert (ended["status"], ended["state"]) == ("EXPIRED", "cancelled")
    assert ended["emergency"] == {"status": [], "choice": "NONE"}


def test_an_exchange_is_at_the_live_rate_of_that_moment(swaps: Swaps) -> None:
    order = swaps.held()
    swaps.until_another_rate(order)
    swaps.ask("/emergency", order, choice="EXCHANGE")
    exchanged = swaps.until(order, "EXCHANGE")
    assert exchanged["rate"] != order["rate"]
    assert exchanged["from"]["amount"] == MUCH
    assert float(exchanged["to"]["amount"]) == pytest.approx(
        float(MUCH) * float(exchanged["rate"]) - float(exchanged["networkFee"])
    )


def test_a_deposit_below_the_network_fee_can_not_be_exchanged(swaps: Swaps) -> None:
    order = swaps.held("0.00000100")
    answer = swaps.ask("/emergency", order, choice="EXCHANGE")
    assert (answer.status, answer.body) == (400, NOT_OFFERED)
    assert swaps.shown(order)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}
    refused = swaps.error("order", "resolve", order["id"], "exchange")
    assert refused == "The deposit doesn't cover the network fee"
    assert swaps.ask("/emergency", order, choice="REFUND").data is True
    swaps.until(order, "EXPIRED")


def test_maintenance_stops_nobody_from_choosing(swaps: Swaps) -> None:
    order = swaps.held()
    try:
        swaps.command("maintenance", "on")
        swaps.partner.until(10, "/create", order_request())
        assert swaps.ask("/emergency", order, choice="EXCHANGE").data is True
        swaps.until(order, "EXCHANGE")
    finally:
        swaps.command("maintenance", "off")
        swaps.partner.until(0, "/price", order_request())


def test_it_weighs_one(by_hand: Running) -> None:
    """Of a new partner: what others called a minute ago is added to their budget again."""
    swaps = Swaps(by_hand)
    order = swaps.held()
    left = [
        int(swaps.ask(path, order, **more).headers["ratelimit"].partition("r=")[2].split(";")[0])
        for path, more in (("/order", {}), ("/emergency", {"choice": "NOPE"}), ("/order", {}))
    ]
    assert (left[0] - left[1], left[1] - left[2]) == (1, 1)


def test_it_is_served_below_api_as_well(swaps: Swaps) -> None:
    order = swaps.held()
    partner = Partner(f"{swaps.up.base_url}/api", swaps.partner.api_key, swaps.partner.api_secret)
    request = {"id": order["id"], "token": order["token"], "choice": "EXCHANGE"}
    assert partner.call("/emergency", request).body == TAKEN


@pytest.mark.parametrize("_", range(3))
def test_of_partner_and_operator_at_once_one_wins(swaps: Swaps, _: int) -> None:
    order = swaps.held()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(swaps.ask, "/emergency", order, choice="EXCHANGE")
        by_operator = swaps.run("order", "resolve", order["id"], "refund")
    if asking.result().body == TAKEN:
        assert by_operator.exit_code == 1
        swaps.until(order, "EXCHANGE")
    else:
        assert asking.result().body == NOT_FOUND
        assert by_operator.exit_code == 0
        assert swaps.shown(order)["status"] == "EXPIRED"


def test_without_refunds_only_an_exchange_is_offered(plain: Swaps) -> None:
    order = plain.opened()
    plain.deposited(order, MUCH)
    plain.until(order, "EMERGENCY")
    answer = plain.ask("/emergency", order, choice="REFUND")
    assert (answer.status, answer.body) == (400, NOT_OFFERED)
    assert plain.ask("/emergency", order, choice="EXCHANGE").body == TAKEN
    done = plain.until(order, "DONE")
    assert done["to"]["tx"]["id"] is not None
    assert done["emergency"] == {"status": [], "choice": "EXCHANGE"}


def test_parts_are_carried_on_by_themselves(plain: Swaps) -> None:
    order = plain.opened()
    plain.deposited(order, "0.004")
    plain.deposited(order, "0.003")
    assert plain.until(order, "DONE")["from"]["amount"] == "0.00700000"


def test_whatever_comes_in_is_confirmed_by_itself(plain: Swaps) -> None:
    def confirmed(order: Order, amount: str) -> Callable[[], bool]:
        return lambda: any(
            one["amount"] == amount and one["confirmedAt"]
            for one in plain.command("order", "show", order["id"])["deposits"]
        )

    order = plain.opened()
    plain.deposited(order, MUCH)
    plain.until(order, "EMERGENCY")
    plain.deposited(order, "0.00100000")
    wait_until(confirmed(order, "0.00100000"))
    assert plain.shown(order)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}
    plain.ask("/emergency", order, choice="EXCHANGE")
    assert plain.until(order, "DONE")["from"]["amount"] == "0.10100000"
    plain.deposited(order, "0.00200000")
    wait_until(confirmed(order, "0.00200000"))
    assert plain.shown(order)["from"]["tx"]["amount"] == "0.10100000"


CHOICES: dict[str, tuple[object, int, int]] = {
    "lower case": ("exchange", 400, 12),
    "mixed case": ("Exchange", 400, 12),
    "lower-case refund": ("refund", 400, 12),
    "empty": ("", 400, 12),
    "a space": (" ", 400, 12),
    "a space before": (" EXCHANGE", 400, 12),
    "a space after": ("EXCHANGE ", 400, 12),
    "a newline after": ("EXCHANGE\n", 400, 12),
    "a zero byte after": ("EXCHANGE\0", 400, 12),
    "none, as the order shows it": ("NONE", 400, 12),
    "what only the operator can do": ("CANCEL", 400, 12),
    "an internal state": ("paying_out", 400, 12),
    "a status": ("DONE", 400, 12),
    "two at once": ("EXCHANGE,REFUND", 400, 12),
    "full-width letters": ("\uff25\uff38\uff23\uff28\uff21\uff2e\uff27\uff25", 400, 12),
    "a Cyrillic letter": ("\u0415XCHANGE", 400, 12),
    "a quote": ("EXCHANGE'", 400, 12),
    "SQL": ("'; DROP TABLE orders; --", 400, 12),
    "a long one": ("E" * 60_000, 400, 12),
    "a list": (["EXCHANGE"], 400, 1),
    "an object": ({"choice": "EXCHANGE"}, 400, 1),
    "a number": (1, 400, 1),
    "true": (True, 400, 1),
    "false": (False, 400, 1),
    "null": (None, 400, 1),
}


@pytest.fixture(scope="module")
def held(swaps: Swaps) -> Order:
    return swaps.held()


@pytest.mark.parametrize("name", list(CHOICES))
def test_what_is_no_choice(swaps: Swaps, held: Order, name: str) -> None:
    choice, status, code = CHOICES[name]
    answer = swaps.ask("/emergency", held, choice=choice)
    assert (answer.status, answer.code) == (status, code)
    assert swaps.shown(held)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}


NAMED_BY = {
    "an unknown id": ({"id": str(uuid4())}, 404, 6),
    "no id": ({"id": ""}, 404, 6),
    "an id that is no UUID": ({"id": "order-1"}, 404, 6),
    "an id of 36 other characters": ({"id": "x" * 36}, 404, 6),
    "an id in braces": ({"id": "{" + "0" * 34 + "}"}, 404, 6),
    "an id without hyphens": ({"id": uuid4().hex}, 404, 6),
    "an id as a URN": ({"id": f"urn:uuid:{uuid4()}"}, 404, 6),
    "a long id": ({"id": "0" * 10_000}, 404, 6),
    "an id with a zero byte": ({"id": "\0" * 36}, 404, 6),
    "an id that is a number": ({"id": 1}, 400, 1),
    "an id that is null": ({"id": None}, 400, 1),
    "an id that is a list": ({"id": []}, 400, 1),
    "a wrong token": ({"token": "x" * 43}, 404, 6),
    "a short token": ({"token": "x" * 42}, 404, 6),
    "a long token": ({"token": "x" * 44}, 404, 6),
    "no token": ({"token": ""}, 404, 6),
    "a token of other characters": ({"token": "=" * 43}, 404, 6),
    "a token of another alphabet": ({"token": "ж" * 43}, 404, 6),
    "a token that is null, as repeats show it": ({"token": None}, 400, 1),
    "a token that is a number": ({"token": 5}, 400, 1),
    "a token that is an object": ({"token": {}}, 400, 1),
}


@pytest.mark.parametrize("path", ["/emergency", "/qr"])
@pytest.mark.parametrize("name", list(NAMED_BY))
def test_what_names_no_order_of_the_callers(
    swaps: Swaps, held: Order, name: str, path: str
) -> None:
    changes, status, code = cast("tuple[dict[str, object], int, int]", NAMED_BY[name])
    request = {"id": held["id"], "token": held["token"], "choice": "EXCHANGE", **changes}
    answer = swaps.partner.call(path, request)
    assert (answer.status, answer.code) == (status, code)
    assert code != 6 or answer.body == NOT_FOUND
    assert swaps.shown(held)["emergency"]["choice"] == "NONE"


BODIES = {
    "nothing": b"",
    "an empty object": b"{}",
    "a list": b"[]",
    "a string": b'"EXCHANGE"',
    "null": b"null",
    "not JSON": b"id=1&choice=EXCHANGE",
    "cut off": b'{"id":"x","token":"y","choice":"EXCH',
    "not UTF-8": b'{"id":"\xff","token":"y","choice":"EXCHANGE"}',
    "without a choice": b'{"id":"x","token":"y"}',
    "without a token": b'{"id":"x","choice":"EXCHANGE"}',
    "without an id": b'{"token":"x","choice":"EXCHANGE"}',
    "names in other case": b'{"ID":"x","Token":"y","Choice":"EXCHANGE"}',
}


@pytest.mark.parametrize("name", list(BODIES))
def test_what_is_no_request(swaps: Swaps, name: str) -> None:
    body = BODIES[name]
    answer = swaps.partner.post("/emergency", body, swaps.partner.headers(body))
    assert (answer.status, answer.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')


def test_another_partners_order_can_not_be_chosen_for(held: Order, by_hand: Running) -> None:
    request = {"id": held["id"], "token": held["token"], "choice": "EXCHANGE"}
    for choice in ("EXCHANGE", "NONSENSE"):
        answer = by_hand.partner().call("/emergency", {**request, "choice": choice})
        assert (answer.status, answer.body) == (404, NOT_FOUND)


def paying_out(swaps: Swaps) -> Order:
    order = swaps.opened()
    swaps.deposited(order, AGREED)
    swaps.confirmed(order)
    return order


def pending(swaps: Swaps) -> Order:
    order = swaps.opened()
    swaps.deposited(order, AGREED)
    return order


def done(swaps: Swaps) -> Order:
    order = paying_out(swaps)
    swaps.command("sandbox", "payout", order["id"])
    return order


def ended(*command: str) -> Callable[[Swaps], Order]:
    def end(swaps: Swaps) -> Order:
        order = swaps.opened()
        first, second, *rest = command
        swaps.command(first, second, order["id"], *rest)
        return order

    return end


def expired_with_a_late_deposit(swaps: Swaps) -> Order:
    order = ended("sandbox", "expire")(swaps)
    swaps.deposited(order, AGREED)
    return order


NOT_HELD: dict[str, Callable[[Swaps], Order]] = {
    "new": lambda swaps: swaps.opened(),
    "pending": pending,
    "paying out": paying_out,
    "done": done,
    "expired": ended("sandbox", "expire"),
    "expired, with a late deposit that isn't confirmed": expired_with_a_late_deposit,
    "cancelled": ended("order", "resolve", "cancel"),
}


@pytest.mark.parametrize("name", list(NOT_HELD))
def test_an_order_that_is_not_held_is_not_found(swaps: Swaps, name: str) -> None:
    order = NOT_HELD[name](swaps)
    for choice in ("EXCHANGE", "REFUND", "NONE", "", "nonsense"):
        answer = swaps.ask("/emergency", order, choice=choice)
        assert (answer.status, answer.body) == (404, NOT_FOUND)
    assert swaps.shown(order)["emergency"] == {"status": [], "choice": "NONE"}
