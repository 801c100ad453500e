"""Orders by command: shown, resolved, and in sandbox mode advanced by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from persistence.postgres.webhooks.bodies import original_body
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import TOKEN_HASH, Operator, new_operator

SANDBOX = ("deposit", "confirm", "payout", "expire")


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.publish_rates()
    return operator


@pytest.fixture
def live(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def late_order(operator: Operator) -> str:
    """Return an order whose deposit came after its expiry: held."""
    order_id = operator.order(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    operator.json("sandbox", "deposit", order_id)
    assert operator.json("sandbox", "confirm", order_id)["state"] == "held"
    return order_id


def test_an_order_is_advanced_from_its_deposit_to_its_payout(operator: Operator) -> None:
    order_id = operator.order()

    seen = operator.json("sandbox", "deposit", order_id)
    assert (seen["id"], seen["state"], seen["status"]) == (order_id, "confirming", "PENDING")
    assert seen["from"]["tx"]["amount"] == seen["from"]["amount"] == "0.01000000"
    assert len(seen["from"]["tx"]["id"]) == 64
    confirmed = operator.json("sandbox", "confirm", order_id)
    assert (confirmed["state"], confirmed["status"]) == ("paying_out", "EXCHANGE")
    assert confirmed["rate"] == "61875.00000000"
    assert confirmed["to"]["amount"] == "617.550000"
    done = operator.json("sandbox", "payout", order_id)
    assert (done["state"], done["status"]) == ("completed", "DONE")
    assert done["to"]["tx"]["amount"] == "617.550000"
    assert len(done["to"]["tx"]["id"]) == 64
    assert done["time"]["finish"] is not None


def test_a_deposit_of_another_amount_reprices_the_order(operator: Operator) -> None:
    order_id = operator.order()

    seen = operator.json("sandbox", "deposit", order_id, "--amount", "0.02")
    assert seen["from"]["tx"]["amount"] == "0.02000000"
    assert seen["from"]["amount"] == "0.01000000"
    confirmed = operator.json("sandbox", "confirm", order_id)
    assert confirmed["from"]["amount"] == "0.02000000"
    assert confirmed["to"]["amount"] == "1236.300000"


def test_a_deposit_outside_the_limits_puts_its_order_on_hold(operator: Operator) -> None:
    order_id = operator.order()
    operator.json("sandbox", "deposit", order_id, "--amount", "0.00001")

    held = operator.json("sandbox", "confirm", order_id)
    assert held["state"] == "held"
    assert held["emergency"] == {"status": ["LIMIT"], "choice": "NONE"}


def amounts(order: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(one["amount"], one["stray"]) for one in order["deposits"]]


def test_a_deposit_without_an_amount_is_what_is_missing(
    operator: Operator,
) -> None:
    order_id = operator.order()

    first = operator.json("sandbox", "deposit", order_id, "--amount", "0.004")
    second = operator.json("sandbox", "deposit", order_id)
    assert second["from"]["tx"] == {**first["from"]["tx"], "amount": "0.01000000"}
    assert amounts(second) == [("0.00400000", False), ("0.00600000", False)]
    assert [one["confirmedAt"] for one in second["deposits"]] == [None, None]
    third = operator.json("sandbox", "deposit", order_id)
    assert amounts(third)[2] == ("0.01000000", False), "nothing is missing: as much again"
    confirmed = operator.json("sandbox", "confirm", order_id)
    assert (confirmed["state"], confirmed["from"]["amount"]) == ("paying_out", "0.02000000")
    assert all(one["confirmedAt"] for one in confirmed["deposits"])


def test_an_order_with_a_late_deposit_is_listed_by_late(operator: Operator) -> None:
    other, cancelled = operator.order(), operator.order()
    operator.json("sandbox", "deposit", other)
    operator.json("order", "resolve", cancelled, "cancel")
    assert operator.json("order", "list", "--late") == []

    stray = operator.json("sandbox", "deposit", cancelled, "--amount", "0.005")
    assert (stray["state"], stray["status"]) == ("cancelled", "EXPIRED")
    assert stray["from"]["tx"] == {"id": None, "amount": None, "explorer": None}
    assert amounts(stray) == [("0.00500000", True)]
    assert ids(operator.json("order", "list", "--late")) == [cancelled]
    assert ids(operator.json("order", "list", "--stray")) == [cancelled], "its former name"
    assert operator.json("order", "list", "--late", "--status", "DONE") == []
    assert "0.00500000, unconfirmed, LATE" in operator.run("order", "show", cancelled).stdout
    operator.json("sandbox", "confirm", cancelled)
    assert "0.00500000, confirmed, LATE" in operator.run("order", "show", cancelled).stdout


def test_an_order_on_hold_can_be_cancelled(operator: Operator) -> None:
    order_id = late_order(operator)

    resolved = operator.json("order", "resolve", order_id, "cancel")
    assert (resolved["state"], resolved["status"]) == ("cancelled", "EXPIRED")
    assert resolved["emergency"] == {"status": [], "choice": "NONE"}
    assert resolved["from"]["tx"]["amount"] == "0.01000000"


@pytest.mark.parametrize("how", ["exchange", "refund"])
def test_an_order_on_hold_is_not_resolved_before_its_deposits_are_confirmed(
    operator: Operator, how: str
) -> None:
    order_id = late_order(operator)
    operator.json("sandbox", "deposit", order_id)

    assert operator.error("order", "resolve", order_id, how).startswith(
        "Not all of the deposit is confirmed"
    )
    operator.json("sandbox", "confirm", order_id)
    assert operator.json("order", "resolve", order_id, how)["emergency"]["choice"] == how.upper()


@pytest.mark.parametrize("how", ["refund", "cancel"])
def test_the_partners_choice_is_overruled_only_with_overrule(operator: Operator, how: str) -> None:
    order_id = late_order(operator)
    operator.sql(
        "INSERT INTO emergency_choices (order_id, choice) VALUES (%s, 'EXCHANGE')", order_id
    )

    assert operator.json("order", "show", order_id)["emergency"]["choice"] == "EXCHANGE"
    assert operator.error("order", "resolve", order_id, how) == "The partner has chosen EXCHANGE"
    resolved = operator.json("order", "resolve", order_id, how, "--overrule")
    assert resolved["status"] == "EXPIRED"


@pytest.mark.parametrize("amount", ["0", "-1", "1e3", "0.000000001", "lots", "9" * 40])
def test_an_invalid_amount_is_rejected(operator: Operator, amount: str) -> None:
    order_id = operator.order()

    message = operator.error("sandbox", "deposit", order_id, f"--amount={amount}")
    assert message.startswith(f"'{amount}' is not an amount of btc: ")
    assert operator.json("order", "show", order_id)["state"] == "awaiting_deposit"


def test_an_order_can_be_expired_by_hand(operator: Operator) -> None:
    order_id = operator.order()

    expired = operator.json("sandbox", "expire", order_id)
    assert (expired["state"], expired["status"]) == ("expired", "EXPIRED")


def test_each_step_enqueues_an_event(operator: Operator) -> None:
    order_id = operator.order()
    operator.sql("UPDATE partners SET webhook_url = 'https://wallet.example/'")

    for step in ("deposit", "confirm", "payout"):
        operator.json("sandbox", step, order_id)
    bodies = operator.sql("SELECT body FROM webhook_events ORDER BY position")
    statuses = [msgspec.json.decode(original_body(body))["order"]["status"] for (body,) in bodies]
    assert statuses == ["PENDING", "EXCHANGE", "DONE"]


@pytest.mark.parametrize(
    ("steps", "step", "message"),
    [
        ([], "confirm", "An order in NEW (awaiting_deposit) cannot confirm a deposit"),
        ([], "payout", "An order in NEW (awaiting_deposit) cannot be paid out"),
        (["deposit"], "expire", "An order in PENDING (confirming) cannot expire"),
        (
            ["deposit", "confirm"],
            "confirm",
            "An order in EXCHANGE (paying_out) cannot confirm a deposit",
        ),
        (["expire"], "expire", "An order in EXPIRED (expired) cannot expire"),
    ],
)
def test_a_step_that_the_state_does_not_allow_is_rejected(
    operator: Operator, steps: list[str], step: str, message: str
) -> None:
    order_id = operator.order()
    for one in steps:
        operator.json("sandbox", one, order_id)
    before = operator.json("order", "show", order_id)

    assert operator.error("sandbox", step, order_id) == message
    after = operator.json("order", "show", order_id)
    assert (after["state"], after["from"]) == (before["state"], before["from"])


@pytest.mark.parametrize(
    ("age", "message"), [(None, "There are no rates"), (61, "The rates are stale")]
)
def test_a_deposit_is_not_confirmed_without_fresh_rates(
    database_urls: DatabaseUrls,
    servers: Servers,
    tmp_path: Path,
    age: float | None,
    message: str,
) -> None:
    operator = new_operator(database_urls, servers, tmp_path)
    if age is not None:
        operator.publish_rates(age=age)
    order_id = operator.order()
    operator.json("sandbox", "deposit", order_id)

    assert operator.error("sandbox", "confirm", order_id) == message
    assert operator.json("order", "show", order_id)["state"] == "confirming"


@pytest.mark.parametrize("step", SANDBOX)
def test_orders_are_advanced_by_hand_only_in_sandbox_mode(live: Operator, step: str) -> None:
    order_id = live.order()

    assert live.error("sandbox", step, order_id) == ("The sandbox commands require sandbox mode")
    assert live.json("order", "show", order_id)["state"] == "awaiting_deposit"


EVERY_ORDER_COMMAND: list[tuple[list[str], list[str]]] = [
    *((["sandbox", step], []) for step in SANDBOX),
    (["order", "show"], []),
    *((["order", "resolve"], [how]) for how in ("exchange", "refund", "cancel")),
]


@pytest.mark.parametrize(("command", "rest"), EVERY_ORDER_COMMAND)
def test_an_unknown_order_and_an_invalid_id_have_different_messages(
    operator: Operator, command: list[str], rest: list[str]
) -> None:
    unknown = str(uuid4())

    assert operator.error(*command, unknown, *rest) == f"There is no order {unknown}"
    for text in ("42", "", "x" * 36):
        message = operator.error(*command, text, *rest)
        assert message == f"{text!r} is not an order's id: `swapgate order list` shows them"


def test_an_order_on_hold_is_exchanged_at_the_live_rate(operator: Operator) -> None:
    order_id = late_order(operator)

    resolved = operator.json("order", "resolve", order_id, "exchange")
    assert (resolved["state"], resolved["status"]) == ("paying_out", "EXCHANGE")
    assert resolved["emergency"] == {"status": [], "choice": "EXCHANGE"}
    assert resolved["to"]["amount"] == "617.550000"


def test_an_exchange_that_does_not_cover_its_network_fee_is_rejected(operator: Operator) -> None:
    order_id = operator.order()
    operator.json("sandbox", "deposit", order_id, "--amount", "0.00001")
    operator.json("sandbox", "confirm", order_id)

    assert operator.error("order", "resolve", order_id, "exchange") == (
        "The deposit doesn't cover the network fee"
    )


def test_an_order_on_hold_is_refunded_at_once_in_sandbox_mode(operator: Operator) -> None:
    order_id = late_order(operator)

    resolved = operator.json("order", "resolve", order_id, "refund")
    assert (resolved["state"], resolved["status"]) == ("refunded", "EXPIRED")
    assert len(resolved["back"]["tx"]["id"]) == 64


def test_outside_sandbox_mode_a_refund_is_requested_from_settlement(live: Operator) -> None:
    order_id = live.order()
    assert live.error("order", "resolve", order_id, "refund") == (
        "An order in NEW (awaiting_deposit) cannot be refunded"
    )

    live.sql("UPDATE orders SET state = 'held', emergency = '{LIMIT}' WHERE id = %s", order_id)
    asked = live.json("order", "resolve", order_id, "refund")
    assert (asked["state"], asked["emergency"]["choice"]) == ("held", "REFUND")


@pytest.mark.parametrize("amount", ["0.00002", "0.000025"])
def test_a_refund_that_cannot_be_sent_is_rejected(live: Operator, amount: str) -> None:
    order_id = live.order()
    live.sql("UPDATE orders SET state = 'held', emergency = '{LIMIT}' WHERE id = %s", order_id)
    live.sql(
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)"
        " VALUES (%s, 'tx', 0, %s, now(), now(), false)",
        order_id,
        amount,
    )

    error = live.error("order", "resolve", order_id, "refund")
    assert error.startswith("Too little remains of the deposit")
    assert live.json("order", "resolve", order_id, "cancel")["state"] == "cancelled"


def test_outside_sandbox_mode_a_partners_choice_is_overruled_only_with_overrule(
    live: Operator,
) -> None:
    order_id = live.order()
    live.sql("UPDATE orders SET state = 'held', emergency = '{LIMIT}' WHERE id = %s", order_id)
    live.sql("INSERT INTO emergency_choices (order_id, choice) VALUES (%s, 'EXCHANGE')", order_id)
    assert live.error("order", "resolve", order_id, "refund") == ("The partner has chosen EXCHANGE")
    asked = live.json("order", "resolve", order_id, "refund", "--overrule")
    assert asked["emergency"]["choice"] == "REFUND"


def test_an_order_without_a_deposit_is_cancelled_without_rates(
    live: Operator,
) -> None:
    order_id = live.order()

    resolved = live.json("order", "resolve", order_id, "cancel")
    assert (resolved["state"], resolved["status"]) == ("cancelled", "EXPIRED")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exchange", "An order in PENDING (confirming) cannot be exchanged"),
        ("refund", "An order in PENDING (confirming) cannot be refunded"),
        ("cancel", "An order in PENDING (confirming) cannot be cancelled"),
    ],
)
def test_an_order_that_is_not_on_hold_is_not_resolved(
    operator: Operator, how: str, message: str
) -> None:
    order_id = operator.order()
    operator.json("sandbox", "deposit", order_id)

    assert operator.error("order", "resolve", order_id, how) == message
    assert operator.json("order", "show", order_id)["state"] == "confirming"


def test_an_order_is_shown_without_its_token(operator: Operator) -> None:
    order_id = operator.order()
    operator.json("sandbox", "deposit", order_id)

    shown = operator.json("order", "show", order_id)
    partner = operator.json("partner", "list")[0]
    assert (shown["partnerId"], shown["partnerEmail"]) == (partner["id"], partner["email"])
    assert (shown["feeBps"], shown["markupBps"], shown["codeId"]) == (50, 50, None)
    assert shown["from"]["address"].startswith("address ")
    assert shown["to"]["address"] == "recipient"
    assert shown["back"]["address"] == "refund"
    for form in ((), ("--json",)):
        said = operator.run("order", "show", order_id, *form).stdout
        assert shown["from"]["tx"]["id"] in said
        assert "token" not in said.lower()
        assert TOKEN_HASH.hex() not in said
        assert TOKEN_HASH.decode() not in said


def ids(listed: list[dict[str, Any]]) -> list[str]:
    return [order["id"] for order in listed]


def test_orders_are_listed_newest_first_by_state_and_status(operator: Operator) -> None:
    assert operator.json("order", "list") == []
    new, confirming, expired, cancelled = (
        operator.order(id=_id_of_time(number)) for number in range(4)
    )
    operator.json("sandbox", "deposit", confirming)
    operator.json("sandbox", "expire", expired)
    operator.json("order", "resolve", cancelled, "cancel")

    def listed(*options: str) -> list[str]:
        return ids(operator.json("order", "list", *options))

    assert listed() == [cancelled, expired, confirming, new]
    assert listed("--limit", "2") == [cancelled, expired]
    assert listed("--state", "expired") == [expired]
    assert listed("--state", "expired", "--state", "confirming") == [expired, confirming]
    assert listed("--status", "EXPIRED") == [cancelled, expired]
    assert listed("--status", "expired", "--status", "new") == [cancelled, expired, new]
    assert listed("--status", "expired", "--state", "cancelled") == [cancelled]
    assert listed("--status", "DONE") == []
    lines = operator.run("order", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines if "btc" in line] == listed()


def _id_of_time(number: int) -> UUID:
    return UUID(f"01900000-0000-7000-8000-{number:012d}")


@pytest.mark.parametrize(
    "options", [["--state", "lost"], ["--status", "LOST"], ["--limit", "0"], ["--limit", "many"]]
)
def test_an_invalid_filter_is_a_usage_error(operator: Operator, options: list[str]) -> None:
    assert operator.run("order", "list", *options).exit_code == 1
