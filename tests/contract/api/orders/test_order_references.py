"""Section 15 of the contract: what a partner attaches to an order, and outcomes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.bad_input.references import FROM_XRP, INVALID, INVALID_TEXT
from tests.support.builders.orders import AGREED, MUCH, Swaps
from tests.support.clients.partner import Response, order_request, send
from tests.support.clients.visitor import Visitor
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

CHAINS = [("xrpledger", None, None), ("tron", None, None)]
METADATA = {"basket": "7", "Kundé": "Zoë ☂", "": "", "note": "a\nbc \U0001f600"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving("") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def swaps(by_hand: Running, receiver: Receiver) -> Swaps:
    return Swaps(by_hand, receiver)


def create(swaps: Swaps, changes: dict[str, object], **headers: str) -> Response:
    return swaps.partner.call("/create", order_request(**changes), **headers)


def on_chains(order: dict[str, Any]) -> list[tuple[object, ...]]:
    sides = order["from"], order["to"]
    return [tuple(side[name] for name in ("chain", "chainId", "contract")) for side in sides]


def attached(order: dict[str, Any]) -> tuple[object, ...]:
    return order["externalId"], order["metadata"], order["back"]["tag"], order["code"]


def test_references_are_returned_everywhere_as_they_were_sent(
    swaps: Swaps, receiver: Receiver
) -> None:
    code = swaps.partner.call("/codes", {"code": f"c-{uuid4().hex[:12]}"}).data["code"]
    swaps.partner.until(0, "/codes/enable", {"code": code})
    reference = 'order "42" <a> {b} \\ ~'

    def opened() -> dict[str, Any]:
        request = order_request(
            **FROM_XRP, externalId=reference, metadata=METADATA, refundTag="77", toCcy="trx"
        )
        data: dict[str, Any] = swaps.partner.call("/create", request, code=code).data
        return data

    order = wait_until(opened, lambda one: one["code"] is not None)
    expected = (reference, METADATA, "77", code)
    assert attached(order) == expected
    assert order["statusUrl"].endswith(f"/status/{order['id']}")
    assert send(order["statusUrl"], method="GET").status == 200
    assert attached(swaps.shown(order)) == expected
    swaps.deposited(order, "100")
    wait_until(lambda: receiver.statuses(order["id"]), lambda statuses: statuses == ["PENDING"])
    (event,) = receiver.changes(order["id"])
    assert attached(event) == expected
    assert event["statusUrl"] == order["statusUrl"]
    assert (event["from"]["confirmations"], event["from"]["confirmationsRequired"]) == (0, 1)
    assert attached(swaps.command("order", "show", order["id"])) == expected
    (listed,) = swaps.partner.call("/orders", {"code": code}).data["orders"]
    assert attached(listed) == expected
    for shown in (event, listed):
        assert on_chains(shown) == on_chains(order) == CHAINS


def test_an_order_without_references_has_null_for_each(swaps: Swaps) -> None:
    order = swaps.opened(externalId=None, metadata=None, refundTag=None)
    assert attached(order) == attached(swaps.shown(order)) == (None, None, None, None)
    assert swaps.shown(swaps.opened(metadata={}))["metadata"] == {}


def test_orders_may_share_an_external_id(swaps: Swaps) -> None:
    first, second = (swaps.opened(externalId="same") for _ in range(2))
    assert first["id"] != second["id"]


FINGERPRINTED: dict[str, dict[str, object]] = {
    "externalId": {"externalId": "other"},
    "metadata": {"metadata": {"a": "2"}},
    "refundTag": {"refundTag": "2"},
}


@pytest.mark.parametrize("field", FINGERPRINTED)
def test_an_idempotency_key_covers_references(swaps: Swaps, field: str) -> None:
    attachments = {"externalId": "one", "metadata": {"a": "1"}, "refundTag": "1"}
    request: dict[str, object] = {**FROM_XRP, **attachments}
    key = {"Idempotency-Key": f"key-{uuid4()}"}
    first, again = create(swaps, request, **key), create(swaps, request, **key)
    assert again.data["id"] == first.data["id"]
    assert attached(again.data) == attached(first.data)
    assert create(swaps, {**request, **FINGERPRINTED[field]}, **key).status == 409


@pytest.mark.parametrize("name", INVALID)
def test_an_order_with_an_invalid_reference_is_rejected(swaps: Swaps, name: str) -> None:
    response = create(swaps, INVALID[name])
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')


@pytest.mark.parametrize("name", INVALID_TEXT)
def test_metadata_that_is_not_valid_json_is_rejected(swaps: Swaps, name: str) -> None:
    partner = swaps.partner
    body = order_request_bytes().replace(b"{}", INVALID_TEXT[name])
    response = partner.post("/create", body, partner.v2_headers("/v1/create", body))
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')


def order_request_bytes() -> bytes:
    fields = "".join(f'"{name}":"{value}",' for name, value in order_request().items())
    return f'{{{fields}"metadata":{{}}}}'.encode()


LARGEST: dict[str, dict[str, object]] = {
    "an externalId of one space": {"externalId": " "},
    "an externalId of 64 characters": {"externalId": "~" * 64},
    "16 pairs of metadata": {"metadata": {str(index): "" for index in range(16)}},
    "metadata of 1,024 bytes": {"metadata": {"key": "x" * 1021}},
    "metadata of 1,024 bytes of control characters": {"metadata": {"k": "\1" * 1023}},
    "metadata of 1,024 bytes of UTF-8": {"metadata": {"k": "\u20ac" * 341}},
    "the greatest refundTag": {**FROM_XRP, "refundTag": "4294967295"},
}


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_references_are_accepted(swaps: Swaps, name: str) -> None:
    changes = LARGEST[name]
    order = swaps.partner.call("/create", order_request(**changes)).data
    stored = swaps.shown(order)
    sent = changes.get("externalId"), changes.get("metadata"), changes.get("refundTag"), None
    assert attached(stored) == sent


def test_the_order_page_shows_confirmations_while_they_are_counted(swaps: Swaps) -> None:
    order = swaps.opened()
    page = f"/order/{order['id']}?t={order['token']}"
    visitor = Visitor(swaps.up.base_url)
    assert "confirmations" not in visitor.get(page).words()
    swaps.deposited(order, AGREED)
    assert "0 of 2 confirmations" in visitor.get(page).words()
    swaps.confirmed(order)
    assert "of 2 confirmations" not in visitor.get(page).words()


def public_status(swaps: Swaps, order: dict[str, Any]) -> dict[str, Any]:
    url = f"{swaps.up.base_url}/v1/status/{order['id']}"
    data: dict[str, Any] = send(url, method="GET").data
    return data


def outcome(swaps: Swaps, order: dict[str, Any]) -> tuple[str, object]:
    """Return status and outcome of an order, which are the same to its partner and in public."""
    shown, public = swaps.shown(order), public_status(swaps, order)
    assert (public["id"], public["status"]) == (shown["id"], shown["status"])
    assert public["outcome"] == shown["outcome"]
    updated_at = datetime.fromisoformat(public["updatedAt"])
    assert int(updated_at.timestamp()) == shown["time"]["update"]
    return shown["status"], shown["outcome"]


def test_an_order_has_an_outcome_once_it_ended(swaps: Swaps) -> None:
    completed = swaps.opened()
    assert outcome(swaps, completed) == ("NEW", None)
    swaps.deposited(completed, AGREED)
    assert outcome(swaps, completed) == ("PENDING", None)
    assert swaps.confirmed(completed)["from"]["confirmations"] == 2
    assert outcome(swaps, completed) == ("EXCHANGE", None)
    swaps.command("sandbox", "payout", completed["id"])
    assert outcome(swaps, completed) == ("DONE", "COMPLETED")
    expired, cancelled = swaps.opened(), swaps.opened()
    swaps.command("sandbox", "expire", expired["id"])
    assert outcome(swaps, expired) == ("EXPIRED", "EXPIRED")
    swaps.command("order", "resolve", cancelled["id"], "cancel")
    assert outcome(swaps, cancelled) == ("EXPIRED", "CANCELLED")
    held = swaps.held(MUCH)
    assert outcome(swaps, held) == ("EMERGENCY", None)
    swaps.command("order", "resolve", held["id"], "refund")
    assert outcome(swaps, held) == ("EXPIRED", "REFUNDED")
