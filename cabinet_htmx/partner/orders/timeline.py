"""The timeline of an order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.partner.orders.status import status_tag
from cabinet_htmx.shared.amounts import format_amount
from domain.orders.order import Order
from domain.orders.states import State, Status
from domain.webhooks.delivery_log import EventDetails

HEADLINES: Final[Mapping[State, str]] = {
    State.AWAITING_DEPOSIT: "Waiting for the deposit",
    State.CONFIRMING: "Deposit detected, waiting for confirmations",
    State.PAYING_OUT: "Deposit confirmed, payout in progress",
    State.COMPLETED: "Payout sent",
    State.EXPIRED: "Expired without a deposit",
    State.CANCELLED: "Canceled by the operator",
    State.REFUNDED: "Refunded",
    State.HELD: "On hold, waiting for a decision",
    State.REFUNDING: "On hold, refund in progress",
}
_STATUS_CHANGES: Final[Mapping[Status, str]] = {
    Status.EXCHANGE: "Deposit confirmed, payout in progress",
    Status.EMERGENCY: "On hold, waiting for a decision",
}


class Entry(msgspec.Struct, frozen=True):
    """An entry of the timeline, optionally with an address or a transaction."""

    at: datetime
    text: str
    tone: str = ""
    reference: str | None = None
    reference_label: str | None = None


class _OrderBody(msgspec.Struct):
    status: Status


class _EventBody(msgspec.Struct):
    """The part of an event's body that the timeline needs."""

    order: _OrderBody


def timeline(order: Order, events: Sequence[EventDetails]) -> list[Entry]:
    """Return what is known about an order's history, oldest first.

    Deposits and the end are recorded in the order; the steps in between are known from its webhook
    events only, so a partner without webhooks sees fewer entries.
    """
    created = Entry(
        order.created_at,
        "Order created",
        reference=order.pay_in_address,
        reference_label="Deposit address",
    )
    entries = [created, *_deposits(order), *_status_changes(order, events)]
    if order.finished_at is not None:
        entries.append(
            Entry(
                order.finished_at,
                HEADLINES[order.state],
                status_tag(order.status).tone,
                order.payout_tx_id or order.refund_tx_id,
                "Payout transaction" if order.payout_tx_id else "Refund transaction",
            )
        )
    return sorted(entries, key=lambda entry: entry.at)


def status_of(event: EventDetails) -> Status | None:
    """Return the order's status in an event's body; None if the event isn't about an order."""
    try:
        return msgspec.json.decode(event.body, type=_EventBody).order.status
    except msgspec.MsgspecError:
        return None


def _deposits(order: Order) -> list[Entry]:
    entries = []
    for deposit in order.deposits.all:
        amount = f"{format_amount(deposit.amount, order.source)} {order.source.coin}"
        remark = ", after the order expired" if deposit.late else ""
        remark += ", dropped from the blockchain" if deposit.dropped else ""
        entries.append(
            Entry(
                deposit.seen_at,
                f"Deposit of {amount} detected{remark}",
                "warn" if remark else "",
                deposit.tx_id,
                "Deposit transaction",
            )
        )
        if deposit.confirmed_at is not None:
            entries.append(Entry(deposit.confirmed_at, f"Deposit of {amount} confirmed"))
    return entries


def _status_changes(order: Order, events: Sequence[EventDetails]) -> list[Entry]:
    changed_at = {status_of(one): one.event.created_at for one in events}
    if order.status is Status.EMERGENCY:
        changed_at.setdefault(Status.EMERGENCY, order.updated_at)
    return [
        Entry(
            changed_at[status],
            text,
            "bad" if status is order.status is Status.EMERGENCY else "",
        )
        for status, text in _STATUS_CHANGES.items()
        if status in changed_at
    ]
