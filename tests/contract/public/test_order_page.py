"""Order pages and public status over HTTP: access by token, actions, and token secrecy."""

import re
from datetime import datetime
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.builders.orders import AGREED, LITTLE, MUCH, Swaps
from tests.support.clients.partner import Response, send
from tests.support.clients.visitor import Visitor
from tests.support.waiting import wait_until

WRONG = "w" * 43


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


@pytest.fixture
def guest(by_hand: Running) -> Visitor:
    return Visitor(by_hand.base_url)


def parts(path: str) -> tuple[str, str]:
    """Return the order id and token in an order page's path."""
    path, _, token = path.partition("?t=")
    return path.removeprefix("/order/"), token


def status_of(running: Running, order_id: str, prefix: str = "/v1") -> Response:
    return send(f"{running.base_url}{prefix}/status/{order_id}", method="GET")


def test_the_order_page_shows_the_amount_and_the_pay_in_address(guest: Visitor) -> None:
    page = guest.get(guest.opened())
    text = page.words()
    assert "Waiting for your deposit" in text
    assert re.search(r"Exact amount 0\.01 BTC Copy BTC address on Bitcoin bc1q[a-z0-9]+ Copy", text)
    assert 'src="data:image/png;base64,' in page.text
    assert "Send within 30 minutes" in text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "img-src 'self' data:" in page.headers["content-security-policy"]


def test_a_wrong_token_discloses_nothing(guest: Visitor) -> None:
    order_id, token = parts(guest.opened())
    other_id, other_token = parts(guest.opened())
    paths = [
        *(f"/order/{order_id}", f"/order/{order_id}?t=", f"/order/{order_id}?t={WRONG}"),
        *(f"/order/{order_id}?t={other_token}", f"/order/{other_id}?t={token}"),
        *(f"/order/{uuid4()}?t={token}", f"/order/x?t={token}", f"/order/{order_id}x?t={token}"),
        *(f"/order/{order_id}?t={token}x", f"/order/{order_id}?t=%22%3E%3Cscript%3E"),
        f"/order/{order_id}/live",
    ]
    pages = {guest.get(path).text for path in paths}
    assert {guest.get(path).status for path in paths} == {404}
    assert len(pages) == 1
    for action in ("choice", "delete", "receipt"):
        for invalid in ("", WRONG, other_token):
            response = guest.post(f"/order/{order_id}/{action}", {"t": invalid, "choice": "REFUND"})
            assert response.status == 404
            assert response.text in pages


def test_an_order_opened_by_the_api_has_the_same_page(swaps: Swaps, guest: Visitor) -> None:
    order = swaps.opened()
    page = guest.get(f"/order/{order['id']}?t={order['token']}")
    assert order["from"]["address"] in page.words()


def test_a_refresh_without_changes_returns_no_content(swaps: Swaps, guest: Visitor) -> None:
    order_id, token = parts(guest.opened())
    first = guest.get(f"/order/{order_id}/live", X_Order_Token=token)
    assert first.status == 200
    version = first.headers["x-order-seen"]
    repeated = guest.get(f"/order/{order_id}/live", X_Order_Token=token, X_Order_Seen=version)
    assert (repeated.status, repeated.text) == (204, "")
    swaps.command("sandbox", "deposit", order_id)
    changed = guest.get(f"/order/{order_id}/live", X_Order_Token=token, X_Order_Seen=version)
    assert changed.status == 200
    assert "Deposit detected, waiting for confirmations" in changed.words()
    swaps.command("sandbox", "confirm", order_id)
    swaps.command("sandbox", "payout", order_id)
    done = guest.get(f"/order/{order_id}/live", X_Order_Token=token, X_Order_Seen=version)
    assert done.status == 286  # stops htmx from polling
    assert token not in guest.get(f"/status/{order_id}").text


@pytest.mark.parametrize("choice", ["EXCHANGE", "REFUND"])
def test_the_customer_decides_a_held_order_on_its_page(
    swaps: Swaps, guest: Visitor, choice: str
) -> None:
    path = guest.opened()
    order_id, token = parts(path)
    swaps.command("sandbox", "expire", order_id)
    swaps.command("sandbox", "deposit", order_id, "--amount", "0.02")
    swaps.command("sandbox", "confirm", order_id)
    text = guest.get(path).words()
    assert "The deposit arrived after the order expired." in text
    assert "Received: 0.02 BTC ; expected: 0.01 BTC" in text
    invalid = guest.post(f"/order/{order_id}/choice", {"t": token, "choice": "KEEP"})
    assert invalid.status == 409
    chosen = guest.post(f"/order/{order_id}/choice", {"t": token, "choice": choice})
    assert (chosen.status, chosen.location) == (303, path)
    outcome = {"EXCHANGE": "Exchange complete, sending your payout", "REFUND": "Refunded"}[choice]
    wait_until(lambda: guest.get(path).words(), lambda text: outcome in text)


@pytest.mark.parametrize("amount", [LITTLE, MUCH])
def test_an_amount_that_cannot_be_exchanged_can_only_be_refunded(
    swaps: Swaps, guest: Visitor, amount: str
) -> None:
    path = guest.opened()
    order_id, _ = parts(path)
    swaps.command("sandbox", "deposit", order_id, "--amount", amount)
    swaps.command("sandbox", "confirm", order_id)
    page = guest.get(path)
    assert 'value="REFUND"' in page.text
    assert 'value="EXCHANGE"' not in page.text


def test_a_late_deposit_is_shown_as_late(swaps: Swaps, guest: Visitor) -> None:
    path = guest.opened()
    order_id, token = parts(path)
    swaps.command("sandbox", "expire", order_id)
    assert "Expired: no deposit was received in time" in guest.get(path).words()
    swaps.command("sandbox", "deposit", order_id, "--amount", AGREED)
    assert "A late deposit is being confirmed" in guest.get(path).words()
    rejected = guest.post(f"/order/{order_id}/delete", {"t": token})
    assert rejected.status == 409
    swaps.command("sandbox", "confirm", order_id)
    assert "The deposit arrived after the order expired." in guest.get(path).words()


def test_a_finished_order_has_a_receipt_and_can_be_deleted_by_its_user(
    swaps: Swaps, guest: Visitor
) -> None:
    path = guest.opened()
    order_id, token = parts(path)
    early = guest.post(f"/order/{order_id}/delete", {"t": token})
    assert early.status == 409
    for step in ("deposit", "confirm", "payout"):
        swaps.command("sandbox", step, order_id)
    receipt = guest.post(f"/order/{order_id}/receipt", {"t": token})
    assert receipt.headers["content-disposition"] == f"attachment; filename=receipt-{order_id}.txt"
    assert receipt.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Payout transaction" in receipt.text
    assert token not in receipt.text
    deleted = guest.post(f"/order/{order_id}/delete", {"t": token})
    assert (deleted.status, "Order deleted" in deleted.words()) == (200, True)
    assert guest.get(path).status == guest.get(f"/status/{order_id}").status == 404
    assert status_of(swaps.up, order_id).code == 6
    repeated = guest.post(f"/order/{order_id}/delete", {"t": token})
    assert repeated.status == 404


def test_an_order_deleted_by_its_user_is_not_found_by_its_partner(
    swaps: Swaps, guest: Visitor
) -> None:
    order = swaps.opened()
    swaps.command("sandbox", "expire", order["id"])
    assert guest.post(f"/order/{order['id']}/delete", {"t": order["token"]}).status == 200
    assert swaps.call("/order", order).code == 6


def test_the_public_status_discloses_no_amount_and_no_address(swaps: Swaps, guest: Visitor) -> None:
    order_id, _ = parts(guest.opened())
    for prefix in ("/v1", "/api/v1"):
        response = status_of(swaps.up, order_id, prefix)
        data = dict(response.data)
        updated = data.pop("updatedAt")
        assert data == {"id": order_id, "status": "NEW", "outcome": None}
        assert datetime.fromisoformat(updated).tzinfo is not None
        assert response.headers["cache-control"] == "no-store"
    page = guest.get(f"/status/{order_id.upper()}")
    assert "Status: NEW" in page.words()
    assert not re.search(r"BTC|USDT|0\.01|bc1|\?t=", page.words())
    swaps.command("sandbox", "deposit", order_id)
    assert status_of(swaps.up, order_id).data["status"] == "PENDING"


@pytest.mark.parametrize(
    "invalid", ["01890000-0000-7000-8000-000000000000", "x", "%22%3E", "{id}", "a" * 36]
)
def test_the_status_of_an_unknown_order_is_not_found(
    swaps: Swaps, guest: Visitor, invalid: str
) -> None:
    response = status_of(swaps.up, invalid)
    assert (response.status, response.code) == (404, 6)
    assert guest.get(f"/status/{invalid}").status == 404


def test_a_signed_status_call_is_authenticated_and_charged(swaps: Swaps) -> None:
    order = swaps.opened()
    path = f"/status/{order['id']}"
    signed = send(f"{swaps.up.base_url}/v1{path}", headers=swaps.partner.headers(b""), method="GET")
    assert signed.data["status"] == "NEW"
    assert "ratelimit" in signed.headers
    forged = swaps.partner.headers(b"x")
    assert send(f"{swaps.up.base_url}/v1{path}", headers=forged, method="GET").code == 3
    invalid = send(f"{swaps.up.base_url}/v1{path}", b"{}")
    assert (invalid.status, invalid.headers["allow"]) == (405, "GET")


def test_order_tokens_appear_in_no_log(swaps: Swaps, guest: Visitor) -> None:
    path = guest.opened()
    order_id, token = parts(path)
    guest.get(path)
    guest.get(f"/order/{order_id}/live", X_Order_Token=token)
    guest.post(f"/order/{order_id}/choice", {"t": token, "choice": "REFUND"})
    guest.get(f"{path}%00")
    logs = [*swaps.up.data_dir.glob("logs/*"), *swaps.up.data_dir.parent.glob("*.log")]
    assert logs
    assert not [log for log in logs if token in log.read_text(errors="replace")]


def test_without_scripts_a_page_reloads_only_after_the_user_enabled_it(guest: Visitor) -> None:
    path = guest.opened()
    assert "refresh" not in guest.get(path).headers
    assert guest.get(f"{path}&auto=1").headers["refresh"] == "15"
