"""The page of an order: its details, its timeline and its webhook events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from cabinet_htmx.partner.orders.status import StatusTag, status_tag
from cabinet_htmx.partner.orders.timeline import HEADLINES, Entry, status_of, timeline
from cabinet_htmx.partner.webhooks.event_view import AttemptView, outcome_label, outcome_tone
from cabinet_htmx.shared.amounts import format_amount, percent, without_trailing_zeros
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.order_status import (
    EMERGENCY_REASONS,
    confirmations_text,
    order_version,
)
from domain.money import format_usd
from domain.orders.order import Order
from domain.orders.query import ListedOrder
from domain.orders.states import FINAL, Choice, Status
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails

_CHOICES: Final[Mapping[Choice, str]] = {
    Choice.EXCHANGE: "An exchange at the live rate was chosen and is in progress.",
    Choice.REFUND: "A refund was chosen and is in progress.",
}


class OrderEventView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook event about a status change of the order."""

    id: UUID
    status: str | None
    created_at: datetime
    outcome: str
    tone: str
    due_at: datetime | None
    attempts: Sequence[AttemptView]


class OrderPageView(msgspec.Struct, frozen=True, kw_only=True):
    """Context of the template. `version` changes whenever there is something new to show."""

    order: Order
    status: StatusTag
    headline: str
    reasons: Sequence[str]
    choice: str | None
    source_icon: CoinIcon
    destination_icon: CoinIcon
    sent: str
    received: str
    deposited: str | None
    confirmations: str | None
    rate: str
    service_fee: str
    markup: str
    network_fee: str
    worth: str
    earned: str | None
    code: str | None
    timeline: Sequence[Entry]
    events: Sequence[OrderEventView]
    is_final: bool
    version: str


def order_page_view(listed: ListedOrder, events: Sequence[EventDetails]) -> OrderPageView:
    """Return the view of an order and its events."""
    order = listed.order
    source, destination = order.source, order.destination
    deposit = order.received
    return OrderPageView(
        order=order,
        status=status_tag(order.status),
        headline=HEADLINES[order.state],
        reasons=[EMERGENCY_REASONS[reason] for reason in order.emergency],
        choice=_CHOICES.get(order.choice) if order.status is Status.EMERGENCY else None,
        source_icon=coin_icon(source),
        destination_icon=coin_icon(destination),
        sent=format_amount(order.source_amount, source),
        received=format_amount(order.destination_amount, destination),
        deposited=format_amount(deposit.amount, source) if deposit else None,
        confirmations=confirmations_text(order),
        rate=f"1 {source.coin} = {without_trailing_zeros(str(order.rate))} {destination.coin}",
        service_fee=percent(order.fee_bps),
        markup=percent(order.markup_bps),
        network_fee=f"{format_amount(order.network_fee, destination)} {destination.coin}",
        worth=format_usd(order.worth_usd),
        earned=None if listed.earned is None else format_usd(listed.earned),
        code=order.references.code,
        timeline=timeline(order, events),
        events=[order_event_view(one) for one in events],
        is_final=order.state in FINAL,
        version=_version(order, events),
    )


def order_event_view(details: EventDetails) -> OrderEventView:
    """Return an event with its attempts, oldest first."""
    status, event = status_of(details), details.event
    return OrderEventView(
        id=event.id,
        status=status.value if status else None,
        created_at=event.created_at,
        outcome=outcome_label(event),
        tone=outcome_tone(event),
        due_at=event.due_at if event.status is EventStatus.PENDING else None,
        attempts=[AttemptView.of(attempt) for attempt in details.attempts],
    )


def _version(order: Order, events: Sequence[EventDetails]) -> str:
    attempts = sum(len(one.attempts) for one in events)
    finished = sum(one.event.finished_at is not None for one in events)
    deposits = sum(1 + (one.confirmed_at is not None) for one in order.deposits.all)
    return f"{order_version(order)}-{deposits}-{len(events)}-{attempts}-{finished}"
