"""Sections 5 and 8 of the contract: what a code has earned is owed, paid, told of and cleared."""

import secrets
from decimal import Decimal
from typing import Any

from tests.conftest import Running
from tests.support.clients.operator_command import operate
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import ALL_WORKERS, wait_until

EVENTS = "order.status_changed,partner.paid_out,earnings.cleared"


def swap(up: Running, partner: Partner, code: str) -> None:
    order = partner.call("/create", order_request(), code=code).data
    operate(up, "sandbox", "deposit", order["id"])
    asked = {"id": order["id"], "token": order["token"]}

    def status() -> str:
        return str(partner.call("/order", asked).data["status"])

    wait_until(status, "DONE".__eq__)


def told(receiver: Receiver, event: str) -> list[dict[str, Any]]:
    return [one for one in receiver.events if one["event"] == event]


def test_earnings_from_the_swap_to_the_payout(up: Running) -> None:
    email, code = f"{secrets.token_hex(8)}@wallet.example", f"code_{secrets.token_hex(6)}"
    created = operate(up, "partner", "create", "--email", email)
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).once_known()
    with receiving(str(created["webhookSecret"])) as receiver:
        operate(up, "partner", "set", email, "--webhook-url", receiver.url, "--events", EVENTS)
        partner.call("/codes", {"code": code, "afftaxBps": 200})

        def markup() -> int:
            return int(partner.call("/price", quote_request(), code=code).data["markupBps"])

        wait_until(markup, (200).__eq__, consecutive=ALL_WORKERS)
        for _ in range(2):
            swap(up, partner, code)

        (listed,) = partner.call("/codes", method="GET").data
        shown = operate(up, "earnings", "show", email)
        assert shown == {
            "accruedUsd": listed["earningsUsd"],
            "paidUsd": "0.00",
            "balanceUsd": listed["earningsUsd"],
        }
        assert Decimal(listed["earningsUsd"]) > 20

        paid = operate(up, "payout", "mark-paid", email, "--reference", "wire 7")
        assert operate(up, "payout", "mark-paid", email, "--reference", "wire 7")["repeated"]
        wait_until(lambda: told(receiver, "partner.paid_out"), context=lambda: receiver.events)
        assert not paid.pop("repeated")
        assert paid.pop("sentTo") is None  # nobody has said where to
        (event,) = told(receiver, "partner.paid_out")
        assert event["payout"] == paid
        assert paid["amountUsd"] == listed["earningsUsd"]

        cleared = operate(up, "earnings", "clear", email)
        wait_until(lambda: told(receiver, "earnings.cleared"), context=lambda: receiver.events)
        (event,) = told(receiver, "earnings.cleared")
        assert event["earnings"] == cleared
        assert cleared["amountUsd"] == "0.00"
        assert not receiver.forged
    assert operate(up, "earnings", "show", email)["accruedUsd"] == "0.00"
    assert partner.call("/codes", method="GET").data[0]["earningsUsd"] == listed["earningsUsd"]


def test_a_service_that_is_used_reconciles(up: Running) -> None:
    """Whatever other tests have left behind, and are doing at this moment."""
    assert operate(up, "reconcile") == {"differences": []}
