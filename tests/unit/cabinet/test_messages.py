"""Messages: every problem that the domain names has one, and counts are worded correctly."""

from enum import Enum
from ipaddress import ip_network
from uuid import UUID

import pytest

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account.messages import PASSWORD_PROBLEMS
from cabinet_htmx.partner.dashboard.attention import order_alerts, payout_alerts, webhook_alerts
from cabinet_htmx.partner.keys.messages import allowlist_error
from cabinet_htmx.partner.ledger.payout_details_view import details_errors
from cabinet_htmx.partner.webhooks.messages import (
    URL_ERRORS,
    events_resent,
    failed_events_resent,
)
from domain.cabinet.members import Role
from domain.cabinet.passwords import PasswordProblem
from domain.errors import InvalidCommand
from domain.ledger.payout_details import DetailsProblem, PayoutPlan
from domain.partners.ip_allowlist import AllowlistProblem, InvalidAllowlist
from domain.partners.partner import Partner
from domain.webhooks.health import EndpointHealth
from domain.webhooks.urls import InvalidWebhookUrl, UrlProblem
from gateway.cli.messages import message_of

HEALTHY = EndpointHealth(gone_at=None, open_since=None, half_open_at=None, waiting=0, dead=0)


@pytest.mark.parametrize(
    ("table", "problems"),
    [(PASSWORD_PROBLEMS, PasswordProblem), (URL_ERRORS, UrlProblem)],
    ids=["passwords", "webhook URLs"],
)
def test_every_problem_has_a_message(table: dict[Enum, str], problems: type[Enum]) -> None:
    assert set(table) == set(problems)


@pytest.mark.parametrize("problem", UrlProblem)
def test_the_command_has_a_message_for_every_problem_of_a_webhook_url(problem: UrlProblem) -> None:
    message = message_of(InvalidWebhookUrl(problem))
    assert "webhook URL" in message
    assert problem.name not in message


def test_the_command_prints_the_text_of_other_errors() -> None:
    assert message_of(InvalidCommand("a markup of 2001 bps")) == "a markup of 2001 bps"
    assert message_of(InvalidCommand()) == "InvalidCommand"


@pytest.mark.parametrize("problem", AllowlistProblem)
def test_every_problem_of_an_allowlist_has_a_complete_message(problem: AllowlistProblem) -> None:
    error = InvalidAllowlist("10.0.0.1/8", problem, network=ip_network("10.0.0.0/8"))
    message = allowlist_error(error)
    assert message.endswith((".", "?"))
    assert "{" not in message
    if problem is AllowlistProblem.HOST_BITS_SET:
        assert "Did you mean 10.0.0.0/8?" in message


@pytest.mark.parametrize("problem", DetailsProblem)
def test_payout_details_for_an_unknown_asset_have_a_message(problem: DetailsProblem) -> None:
    assert details_errors({"asset": problem}, None) == {"asset": messages.NOT_AN_OPTION}


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes")],
)
def test_waiting_times_are_rounded_up_to_whole_units(seconds: int, wait: str) -> None:
    assert messages.too_many_attempts(seconds) == f"Too many attempts. Try again in {wait}."


def test_resent_events_are_counted() -> None:
    assert events_resent(1) == "1 event is being resent."
    assert events_resent(1_200) == "1,200 events are being resent."
    assert "No events failed" in failed_events_resent(0, maximum=10, period="the last hour")
    assert "There may be more" in failed_events_resent(10, maximum=10, period="the last hour")
    assert "There may be more" not in failed_events_resent(9, maximum=10, period="the last hour")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 order needs a decision; customer funds are on hold."),
        (2, "2 orders need a decision; customer funds are on hold."),
        (100, "100+ orders need a decision; customer funds are on hold."),
    ],
)
def test_orders_that_need_a_decision_are_counted(count: int, text: str) -> None:
    (alert,) = order_alerts(count)
    assert (alert.text, alert.link) == (text, "Review")


def test_there_are_no_alerts_without_anything_to_do() -> None:
    partner = Partner(
        id=UUID(int=2),
        email="ada@example.org",
        name="Ada",
        enabled=True,
        api_key="key",
        webhook_url="https://example.org/",
    )
    assert order_alerts(0) == []
    assert webhook_alerts(partner, HEALTHY) == []
    assert payout_alerts(PayoutPlan(None, None), Role.OWNER, has_balance=False) == []


def test_a_balance_without_payout_details_is_an_alert_that_owners_can_resolve() -> None:
    plan = PayoutPlan(None, None)
    links = [payout_alerts(plan, role, has_balance=True)[0].link for role in Role]
    assert links == ["Set payout details", "View payout details", "View payout details"]
