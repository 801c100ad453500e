"""Contract, sections 5 and 8: earnings of a code are accrued, paid out, announced and cleared."""

import secrets
from decimal import Decimal
from typing import Any

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import ALL_WORKERS, wait_until

EVENTS = "order.status_changed,partner.paid_out,earnings.cleared"


def swap(up: Running, partner: Partner, code: str) -> None:
    order = partner.call("/create", order_request(), code=code).data
    up.json("sandbox", "deposit", order["id"])
    request = {"id": order["id"], "token": order["token"]}

    def status() -> str:
        return str(partner.call("/order", request).data["status"])

    wait_until(status, "DONE".__eq__)


def events_of(receiver: Receiver, event: str) -> list[dict[str, Any]]:
    return [one for one in receiver.events if one["event"] == event]


def test_earnings_are_accrued_paid_out_and_cleared(up: Running) -> None:
    email, code = f"{secrets.token_hex(8)}@wallet.example", f"code_{secrets.token_hex(6)}"
    created = up.json("partner", "create", "--email", email)
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()
    with receiving(str(created["webhookSecret"])) as receiver:
        up.json("partner", "set", email, "--webhook-url", receiver.url, "--events", EVENTS)
        partner.call("/codes", {"code": code, "afftaxBps": 200})

        def markup() -> int:
            return int(partner.call("/price", quote_request(), code=code).data["markupBps"])

        wait_until(markup, (200).__eq__, consecutive=ALL_WORKERS)
        for _ in range(2):
            swap(up, partner, code)

        (listed,) = partner.call("/codes", method="GET").data
        shown = up.json("earnings", "show", email)
        assert shown == {
            "accruedUsd": listed["earningsUsd"],
            "paidUsd": "0.00",
            "balanceUsd": listed["earningsUsd"],
        }
        assert Decimal(listed["earningsUsd"]) > 20

        paid = up.json("payout", "mark-paid", email, "--reference", "wire 7")
        assert up.json("payout", "mark-paid", email, "--reference", "wire 7")["repeated"]
        wait_until(lambda: events_of(receiver, "partner.paid_out"), context=lambda: receiver.events)
        assert not paid.pop("repeated")
        assert paid.pop("sentTo") is None  # there are no payout details
        (event,) = events_of(receiver, "partner.paid_out")
        assert event["payout"] == paid
        assert paid["amountUsd"] == listed["earningsUsd"]

        cleared = up.json("earnings", "clear", email)
        wait_until(lambda: events_of(receiver, "earnings.cleared"), context=lambda: receiver.events)
        (event,) = events_of(receiver, "earnings.cleared")
        assert event["earnings"] == cleared
        assert cleared["amountUsd"] == "0.00"
        assert not receiver.forged
    assert up.json("earnings", "show", email)["accruedUsd"] == "0.00"
    assert partner.call("/codes", method="GET").data[0]["earningsUsd"] == listed["earningsUsd"]


def test_a_service_in_use_has_no_differences(up: Running) -> None:
    """Regardless of what other tests have left behind and are doing."""
    assert up.json("reconcile") == {"differences": []}
