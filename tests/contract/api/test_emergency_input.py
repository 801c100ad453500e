"""Section 5 of the contract, /v1/emergency: choices, orders and bodies that are rejected."""

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, Swaps

Order = dict[str, Any]
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


CHOICES: dict[str, tuple[object, int, int]] = {
    "lower case": ("exchange", 400, 12),
    "mixed case": ("Exchange", 400, 12),
    "lower-case refund": ("refund", 400, 12),
    "empty": ("", 400, 12),
    "a space": (" ", 400, 12),
    "a leading space": (" EXCHANGE", 400, 12),
    "a trailing space": ("EXCHANGE ", 400, 12),
    "a trailing line feed": ("EXCHANGE\n", 400, 12),
    "a trailing zero byte": ("EXCHANGE\0", 400, 12),
    "NONE": ("NONE", 400, 12),
    "a choice of operators only": ("CANCEL", 400, 12),
    "an internal state": ("paying_out", 400, 12),
    "a status": ("DONE", 400, 12),
    "two at once": ("EXCHANGE,REFUND", 400, 12),
    "full-width letters": ("\uff25\uff38\uff23\uff28\uff21\uff2e\uff27\uff25", 400, 12),
    "a Cyrillic letter": ("\u0415XCHANGE", 400, 12),
    "a quote": ("EXCHANGE'", 400, 12),
    "SQL": ("'; DROP TABLE orders; --", 400, 12),
    "60,000 characters": ("E" * 60_000, 400, 12),
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
def test_an_invalid_choice_is_rejected(swaps: Swaps, held: Order, name: str) -> None:
    choice, status, code = CHOICES[name]
    response = swaps.call("/emergency", held, choice=choice)
    assert (response.status, response.code) == (status, code)
    assert swaps.shown(held)["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}


INVALID_ACCESS = {
    "an unknown id": ({"id": str(uuid4())}, 404, 6),
    "no id": ({"id": ""}, 404, 6),
    "an id that is not a UUID": ({"id": "order-1"}, 404, 6),
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
@pytest.mark.parametrize("name", list(INVALID_ACCESS))
def test_an_order_that_the_access_data_does_not_match_is_not_found(
    swaps: Swaps, held: Order, name: str, path: str
) -> None:
    changes, status, code = cast("tuple[dict[str, object], int, int]", INVALID_ACCESS[name])
    request = {"id": held["id"], "token": held["token"], "choice": "EXCHANGE", **changes}
    response = swaps.partner.call(path, request)
    assert (response.status, response.code) == (status, code)
    assert code != 6 or response.body == NOT_FOUND
    assert swaps.shown(held)["emergency"]["choice"] == "NONE"


BODIES = {
    "nothing": b"",
    "an empty object": b"{}",
    "a list": b"[]",
    "a string": b'"EXCHANGE"',
    "null": b"null",
    "not JSON": b"id=1&choice=EXCHANGE",
    "truncated": b'{"id":"x","token":"y","choice":"EXCH',
    "invalid UTF-8": b'{"id":"\xff","token":"y","choice":"EXCHANGE"}',
    "without a choice": b'{"id":"x","token":"y"}',
    "without a token": b'{"id":"x","choice":"EXCHANGE"}',
    "without an id": b'{"token":"x","choice":"EXCHANGE"}',
    "another case of the names": b'{"ID":"x","Token":"y","Choice":"EXCHANGE"}',
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_malformed_emergency_request_is_invalid(swaps: Swaps, name: str) -> None:
    body = BODIES[name]
    response = swaps.partner.post("/emergency", body, swaps.partner.headers(body))
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')


def test_an_order_of_another_partner_is_not_found(held: Order, by_hand: Running) -> None:
    request = {"id": held["id"], "token": held["token"], "choice": "EXCHANGE"}
    for choice in ("EXCHANGE", "NONSENSE"):
        response = by_hand.partner().call("/emergency", {**request, "choice": choice})
        assert (response.status, response.body) == (404, NOT_FOUND)


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
    "expired, with a unconfirmed late deposit": expired_with_a_late_deposit,
    "cancelled": ended("order", "resolve", "cancel"),
}


@pytest.mark.parametrize("name", list(NOT_HELD))
def test_a_choice_for_an_order_that_is_not_on_hold_is_not_found(swaps: Swaps, name: str) -> None:
    order = NOT_HELD[name](swaps)
    for choice in ("EXCHANGE", "REFUND", "NONE", "", "nonsense"):
        response = swaps.call("/emergency", order, choice=choice)
        assert (response.status, response.body) == (404, NOT_FOUND)
    assert swaps.shown(order)["emergency"] == {"status": [], "choice": "NONE"}
