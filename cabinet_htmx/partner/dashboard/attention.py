"""Alerts of the dashboard: what needs the team's attention, the most urgent first."""

from typing import Final

import msgspec

from domain.cabinet.members import Role
from domain.ledger.payout_details import PayoutPlan
from domain.partners.partner import Partner
from domain.webhooks.health import EndpointHealth

MAX_ORDERS_COUNTED: Final = 100
MAX_EVENTS_COUNTED: Final = 1_000

_WEBHOOKS: Final = "/partner/webhooks"
_PAYOUT_DETAILS: Final = "/partner/payout-history/details"


class Alert(msgspec.Struct, frozen=True):
    """A matter that needs attention, and a link to the page that deals with it."""

    text: str
    tone: str
    path: str
    link: str


def order_alerts(awaiting_choice: int) -> list[Alert]:
    """Return the alert for orders in EMERGENCY without a choice."""
    if not awaiting_choice:
        return []
    number = _counted(awaiting_choice, MAX_ORDERS_COUNTED)
    subject = "1 order needs" if awaiting_choice == 1 else f"{number} orders need"
    text = f"{subject} a decision; customer funds are on hold."
    return [Alert(text, "bad", "/partner/orders?status=EMERGENCY", "Review")]


def webhook_alerts(partner: Partner, health: EndpointHealth) -> list[Alert]:
    """Return the alerts for the webhook endpoint and its events."""
    if partner.webhook_url is None:
        text = "No webhook URL is set, so your systems aren't notified of order updates."
        return [Alert(text, "warn", _WEBHOOKS, "Set a URL")]
    alerts = []
    if health.gone_at is not None:
        text = "Your webhook endpoint returned 410 Gone. Deliveries have stopped."
        alerts.append(Alert(text, "bad", _WEBHOOKS, "Review"))
    elif health.open_since is not None:
        text = "Your webhook endpoint keeps failing. Deliveries are paused."
        alerts.append(Alert(text, "bad", _WEBHOOKS, "Review"))
    elif health.waiting:
        text = f"{_webhooks(health.waiting)} awaiting a retry."
        alerts.append(Alert(text, "warn", f"{_WEBHOOKS}?outcome=waiting#log", "View deliveries"))
    if health.dead:
        text = f"{_webhooks(health.dead)} failed in the last 24 hours."
        alerts.append(Alert(text, "bad", f"{_WEBHOOKS}?outcome=failed#log", "Resend"))
    return alerts


def payout_alerts(plan: PayoutPlan, role: Role, *, has_balance: bool) -> list[Alert]:
    """Return the alert for pending or missing payout details."""
    if plan.pending is not None:
        text = (
            f"{plan.pending.requested_by} requested new payout details. If this wasn't your team, "
            "have an owner cancel the change, and change your passwords."
        )
        return [Alert(text, "warn", _PAYOUT_DETAILS, "Review")]
    if plan.current is None and has_balance:
        text = "You have a balance but no payout details."
        link = "Set payout details" if role is Role.OWNER else "View payout details"
        return [Alert(text, "warn", _PAYOUT_DETAILS, link)]
    return []


def _webhooks(count: int) -> str:
    return f"{_counted(count, MAX_EVENTS_COUNTED)} webhook{'' if count == 1 else 's'}"


def _counted(number: int, maximum: int) -> str:
    return f"{maximum:,}+" if number >= maximum else f"{number:,}"
