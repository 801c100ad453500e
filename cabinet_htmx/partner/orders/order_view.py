"""What an order's page shows: its facts, what happened when, and what its partner was told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from cabinet_htmx.partner.orders.orders_view import TONES
from cabinet_htmx.partner.webhooks_view import AttemptView, outcome_tone, outcome_words
from cabinet_htmx.shared.amounts import percent, shown, trimmed
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.order_status import EMERGENCY_REASONS, version_seen
from domain.money import format_usd
from domain.orders.order import FINAL, Choice, Order, State, Status
from domain.orders.query import ListedOrder
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails

TOLD: Final = {
    Status.NEW: "Back to waiting for the deposit",
    Status.PENDING: "Deposit seen, confirming",
    Status.EXCHANGE: "Confirmed, payout under way",
    Status.DONE: "Payout sent",
    Status.EXPIRED: "No longer actionable",
    Status.EMERGENCY: "Held: a choice is needed",
}
_HEADLINES: Final = {
    State.AWAITING_DEPOSIT: "Waiting for the deposit",
    State.CONFIRMING: "Deposit seen, waiting for confirmations",
    State.PAYING_OUT: "Confirmed, payout under way",
    State.COMPLETED: "Payout sent",
    State.EXPIRED: "Expired: no deposit arrived in time",
    State.CANCELLED: "Cancelled by the operator",
    State.REFUNDED: "Refunded",
    State.HELD: "Held until somebody chooses",
}


class Moment(msgspec.Struct, frozen=True):
    """Something that happened; `note` is more of it, such as a transaction."""

    at: datetime
    text: str
    tone: str = ""
    note: str | None = None
    note_label: str | None = None


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    """An event that tells of a change of the order."""

    id: UUID
    status: str | None
    created_at: datetime
    state: str
    tone: str
    due_at: datetime | None
    attempts: Sequence[AttemptView]


class OrderPageView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the order's template needs."""

    order: Order
    status: str
    tone: str
    headline: str
    reasons: Sequence[str]
    chosen: str | None
    source_mark: CoinIcon
    destination_mark: CoinIcon
    sent: str
    got: str
    received: str | None
    rate: str
    service_fee: str
    markup: str
    network_fee: str
    worth: str
    earned: str | None
    code: str | None
    timeline: Sequence[Moment]
    events: Sequence[EventShown]
    is_final: bool
    seen: str


class _Told(msgspec.Struct):
    status: Status


class _Body(msgspec.Struct):
    """The part of an event's body that says what it tells of."""

    order: _Told


def order_page_view(listed: ListedOrder, events: Sequence[EventDetails]) -> OrderPageView:
    """Return the view of an order and its events."""
    order = listed.order
    source, destination = order.source, order.destination
    deposit = order.deposit
    return OrderPageView(
        order=order,
        status=order.status.value,
        tone=TONES[order.status],
        headline=_HEADLINES[order.state],
        reasons=[EMERGENCY_REASONS[reason] for reason in order.emergency],
        chosen=_CHOSEN.get(order.choice) if order.state is State.HELD else None,
        source_mark=coin_icon(source),
        destination_mark=coin_icon(destination),
        sent=shown(order.source_amount, source),
        got=shown(order.destination_amount, destination),
        received=shown(deposit.amount, source) if deposit else None,
        rate=f"1 {source.coin} = {trimmed(str(order.rate))} {destination.coin}",
        service_fee=percent(order.fee_bps),
        markup=percent(order.markup_bps),
        network_fee=f"{shown(order.network_fee, destination)} {destination.coin}",
        worth=format_usd(order.worth_usd),
        earned=None if listed.earned is None else format_usd(listed.earned),
        code=listed.code,
        timeline=timeline(order, events),
        events=[event_shown(one) for one in events],
        is_final=order.state in FINAL,
        seen=_seen(order, events),
    )


_CHOSEN: Final = {
    Choice.EXCHANGE: "Exchange at the live rate was chosen; settlement carries it out.",
    Choice.REFUND: "A refund was chosen; settlement carries it out.",
}


def timeline(order: Order, events: Sequence[EventDetails]) -> list[Moment]:
    """Return what is known of an order's life, oldest first.

    Deposits and ends stand in the order itself, what lies in between in its events: a partner
    without webhooks sees less of it.
    """
    coin = order.source.coin
    found = [Moment(order.created_at, "Opened", note=order.pay_in_address, note_label="Pay-in")]
    for part in order.parts.all:
        amount = f"{shown(part.amount, order.source)} {coin}"
        late = ", too late for this order" if part.stray else ""
        gone = ", and has vanished from its chain" if part.vanished else ""
        tone = "warn" if late or gone else ""
        found.append(
            Moment(
                part.seen_at, f"Deposit of {amount} seen{late}{gone}", tone, part.tx_id, "Deposit"
            )
        )
        if part.confirmed_at is not None:
            found.append(Moment(part.confirmed_at, f"Deposit of {amount} confirmed"))
    told = {_status_of(one): one.event.created_at for one in events}
    found += [
        Moment(
            told[status], TOLD[status], "bad" if status is order.status is Status.EMERGENCY else ""
        )
        for status in (Status.EXCHANGE, Status.EMERGENCY)
        if status in told
    ]
    if order.state is State.HELD and Status.EMERGENCY not in told:
        found.append(Moment(order.updated_at, TOLD[Status.EMERGENCY], "bad"))
    if order.finished_at is not None:
        tx_id = order.payout_tx_id or order.refund_tx_id
        label = "Payout" if order.payout_tx_id else "Refund"
        tone = TONES[order.status]
        found.append(Moment(order.finished_at, _HEADLINES[order.state], tone, tx_id, label))
    return sorted(found, key=lambda moment: moment.at)


def event_shown(one: EventDetails) -> EventShown:
    """Return an event with its attempts, oldest first."""
    status = _status_of(one)
    event = one.event
    return EventShown(
        id=event.id,
        status=status.value if status else None,
        created_at=event.created_at,
        state=outcome_words(event),
        tone=outcome_tone(event),
        due_at=event.due_at if event.status is EventStatus.PENDING else None,
        attempts=[AttemptView.of(attempt) for attempt in one.attempts],
    )


def _status_of(one: EventDetails) -> Status | None:
    try:
        return msgspec.json.decode(one.body, type=_Body).order.status
    except msgspec.MsgspecError:
        return None


def _seen(order: Order, events: Sequence[EventDetails]) -> str:
    """Return what changes whenever there is something new to show."""
    tried = sum(len(one.attempts) for one in events)
    settled = sum(one.event.finished_at is not None for one in events)
    parts = sum(1 + (part.confirmed_at is not None) for part in order.parts.all)
    return f"{version_seen(order)}-{parts}-{len(events)}-{tried}-{settled}"
