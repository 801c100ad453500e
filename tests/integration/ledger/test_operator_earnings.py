"""Earnings and payouts by command: JSON that scripts rely on, and the messages."""

from pathlib import Path

import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator

EMAIL = "team@wallet.example"
NOTHING = {"accruedUsd": "0.00", "paidUsd": "0.00", "balanceUsd": "0.00"}


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.partner(email=EMAIL)
    return operator


def earn(operator: Operator, usd: str) -> None:
    """Post what an order would have earned its partner."""
    operator.sql(
        "WITH made AS MATERIALIZED (SELECT gen_random_uuid() AS id) INSERT INTO ledger_postings"
        " (transaction_id, position, account, partner_id, amount, created_at)"
        " SELECT made.id, position, account, partners.id, %s::numeric * sign, now()"
        " FROM made, partners, (VALUES (1, 'customer_deposits', -1), (2, 'markup', 1))"
        " AS p (position, account, sign) WHERE partners.id IN (SELECT partner_id FROM api_keys)",
        usd,
    )


def test_earnings_are_shown_as_scripts_rely_on(operator: Operator) -> None:
    assert operator.json("earnings", "show", EMAIL) == NOTHING
    earn(operator, "12.349999")
    assert operator.json("earnings", "show", EMAIL) == {
        "accruedUsd": "12.34",
        "paidUsd": "0.00",
        "balanceUsd": "12.34",
    }
    people = operator.run("earnings", "show", EMAIL).stdout
    assert "12.34" in people
    assert "earnedOfAllTimeUsd" in people


def test_a_payout_is_marked_once_and_listed(operator: Operator) -> None:
    earn(operator, "12.345")
    paid = operator.json("payout", "mark-paid", EMAIL, "--reference", "wire 7")
    assert list(paid) == [
        *("id", "periodStart", "periodEnd", "amountUsd", "reference", "paidOutAt"),
        *("sentTo", "repeated"),
    ]
    assert (paid["amountUsd"], paid["repeated"]) == ("12.34", False)
    assert operator.json("earnings", "show", EMAIL) == {
        "accruedUsd": "12.34",
        "paidUsd": "12.34",
        "balanceUsd": "0.00",
    }
    again = operator.json("payout", "mark-paid", EMAIL, "--reference", "wire 7")
    assert again == {**paid, "repeated": True}
    said = operator.run("payout", "mark-paid", EMAIL, "--reference", "wire 7")
    assert "not specified" in said.stdout
    assert "already marked as paid; nothing was paid again" in said.stdout
    del paid["repeated"]
    assert operator.json("payout", "list", EMAIL) == [paid]


def test_a_payout_shows_the_details_in_force_at_its_time(operator: Operator) -> None:
    earn(operator, "10")
    assert operator.json("payout", "details", EMAIL) == {"current": None, "pending": None}
    operator.json("payout", "mark-paid", EMAIL, "--reference", "before", "--amount", "1")
    for hours, asset, address in (
        (48, "usdt_trc20", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        (1, "btc", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
    ):
        operator.sql(
            "INSERT INTO payout_details (id, partner_id, asset, address, requested_by,"
            " requested_at, effective_at)"
            " SELECT gen_random_uuid(), id, %s, %s, 'owner@shop.example',"
            " now() - make_interval(hours => %s), now() + make_interval(hours => 24 - %s)"
            " FROM partners WHERE email = %s",
            *(asset, address, hours, hours, EMAIL),
        )
    found = operator.json("payout", "details", EMAIL)
    assert found["current"]["asset"] == "usdt_trc20"
    assert (found["pending"]["asset"], found["pending"]["askedBy"]) == ("btc", "owner@shop.example")
    paid = operator.json("payout", "mark-paid", EMAIL, "--reference", "now", "--amount", "2")
    assert paid["sentTo"] == found["current"]
    newest, _ = operator.json("payout", "list", EMAIL)
    assert newest["sentTo"] == found["current"]
    people = operator.run("payout", "details", EMAIL).stdout
    assert "usdt_trc20 to TJRabPrwbZy45sbavfcjinPJC18kjpRTv8" in people


def test_a_part_of_what_is_owed_can_be_paid(operator: Operator) -> None:
    earn(operator, "10")
    part = ("payout", "mark-paid", EMAIL, "--reference", "part", "--amount")
    assert operator.json(*part, "2.5")["amountUsd"] == "2.50"
    assert operator.json("earnings", "show", EMAIL)["balanceUsd"] == "7.50"
    assert operator.error(*part, "3") == "Reference part has paid 2.50 USD before, not 3.00"


def test_clearing_starts_a_new_cycle_at_zero(operator: Operator) -> None:
    earn(operator, "10")
    operator.json("payout", "mark-paid", EMAIL, "--reference", "part", "--amount", "4")
    cleared = operator.json("earnings", "clear", EMAIL)
    assert list(cleared) == ["amountUsd", "clearedAt"]
    assert cleared["amountUsd"] == "6.00"
    assert operator.json("earnings", "show", EMAIL) == NOTHING
    earn(operator, "1")
    assert operator.json("earnings", "show", EMAIL)["accruedUsd"] == "1.00"
    periods = operator.json("earnings", "list", EMAIL)
    assert [(one["endedBy"], one["earnedUsd"], one["amountUsd"]) for one in periods] == [
        (None, "1.00", None),
        ("clearing", "0.00", "6.00"),
        ("payout", "10.00", "4.00"),
    ]
    people = operator.run("earnings", "list", EMAIL).stdout
    assert "clearing" in people


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("payout mark-paid {} --reference R", "Nothing is owed: there is nothing to pay out"),
        (
            "earnings clear {}",
            "Nothing to clear: this accounting cycle has earned nothing yet",
        ),
        ("payout mark-paid {} --reference=", "A reference has 1 to 200 printable characters"),
        (
            "payout mark-paid {} --reference R --amount 1.005",
            "'1.005' is no amount of USD: more than 2 decimals or 20 digits",
        ),
        ("payout mark-paid {} --reference R --amount 0", "'0' is no amount of USD: zero"),
        ("earnings show nobody@wallet.example", "There is no partner nobody@wallet.example"),
    ],
)
def test_an_action_that_is_not_possible_is_explained(
    operator: Operator, arguments: str, message: str
) -> None:
    assert operator.error(*arguments.format(EMAIL).split()) == message
