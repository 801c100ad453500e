"""The view of the order page: payment instructions, progress and available actions."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cabinet_htmx.shared.amounts import format_amount, percent, without_trailing_zeros
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.order_status import (
    EMERGENCY_REASONS,
    confirmations_text,
    order_version,
)
from cabinet_htmx.shared.times import utc
from cabinet_htmx.swap import sentences
from domain.orders.order import Order
from domain.orders.states import FINAL, Choice, State, Status


class Progress(StrEnum):
    """The progress of one step of an order."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    FAILED = "failed"


class StepView(msgspec.Struct, frozen=True):
    """One step of an order; `progress_label` is for screen readers."""

    label: str
    progress: Progress
    progress_label: str


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the order template shows."""

    order: Order
    token: str
    version: str
    headline: str
    steps: tuple[StepView, ...]
    is_final: bool
    is_waiting: bool
    seconds_left: int
    expires: str
    source_icon: CoinIcon
    destination_icon: CoinIcon
    send_amount: str
    get_amount: str
    received: str | None
    confirmations: str | None
    rate: str
    fee: str
    network_fee: str
    reasons: tuple[str, ...]
    chosen: str | None
    choices: tuple[Choice, ...]
    receipt: tuple[tuple[str, str], ...]
    qr: str | None = None


_PROGRESS_LABELS: Final = {
    Progress.DONE: "done",
    Progress.NOW: "in progress",
    Progress.AHEAD: "upcoming",
    Progress.FAILED: "stopped",
}
_STEP_LABELS: Final = ("Deposit", "Confirm", "Exchange", "Done")
_STEP_OF_STATE: Final = {
    State.AWAITING_DEPOSIT: (0, Progress.NOW),
    State.CONFIRMING: (1, Progress.NOW),
    State.PAYING_OUT: (2, Progress.NOW),
    State.COMPLETED: (4, Progress.DONE),
    State.EXPIRED: (0, Progress.FAILED),
    State.CANCELLED: (0, Progress.FAILED),
    State.REFUNDED: (2, Progress.FAILED),
    State.HELD: (2, Progress.FAILED),
    State.REFUNDING: (2, Progress.FAILED),
}


def order_view(
    order: Order, token: str, *, choices: Sequence[Choice], now: datetime, qr: str | None = None
) -> OrderView:
    """Return the view of an order; `qr` is a data URL with the QR code of its pay-in address."""
    source, destination = order.source, order.destination
    deposit = order.received
    return OrderView(
        order=order,
        token=token,
        version=order_version(order),
        headline=sentences.headline(order),
        steps=_steps(order),
        is_final=order.state in FINAL,
        is_waiting=order.state is State.AWAITING_DEPOSIT,
        seconds_left=max(int((order.expires_at - now).total_seconds()), 0),
        expires=utc(order.expires_at),
        source_icon=coin_icon(source),
        destination_icon=coin_icon(destination),
        send_amount=format_amount(order.source_amount, source),
        get_amount=format_amount(order.destination_amount, destination),
        received=format_amount(deposit.amount, source) if deposit else None,
        confirmations=confirmations_text(order),
        rate=f"1 {source.coin} = {without_trailing_zeros(str(order.rate))} {destination.coin}",
        fee=percent(order.margin.total),
        network_fee=f"{format_amount(order.network_fee, destination)} {destination.coin}",
        reasons=tuple(EMERGENCY_REASONS[reason] for reason in order.emergency),
        chosen=sentences.CHOSEN.get(order.choice) if order.status is Status.EMERGENCY else None,
        choices=tuple(choices),
        receipt=receipt(order),
        qr=qr,
    )


def receipt(order: Order) -> tuple[tuple[str, str], ...]:
    """Return the lines of an order's receipt as pairs of label and value, without its token."""
    source, destination = order.source, order.destination
    lines = [
        ("Order", str(order.id)),
        ("Status", sentences.headline(order)),
        ("Created", utc(order.created_at)),
        ("Finished", utc(order.finished_at) if order.finished_at else ""),
        ("Sent", f"{format_amount(order.source_amount, source)} {source.coin} on {source.network}"),
        ("Pay-in address", order.pay_in_address),
        ("Pay-in memo", order.pay_in_tag or ""),
        ("Deposit transaction", order.received.tx_id if order.received else ""),
    ]
    if order.state is State.COMPLETED:
        lines += [
            (
                "Paid out",
                f"{format_amount(order.destination_amount, destination)} {destination.coin} on "
                + destination.network,
            ),
            ("To address", order.destination_address),
            (destination.tag_name or "Memo", order.destination_tag or ""),
            ("Payout transaction", order.payout_tx_id or ""),
            (
                "Rate",
                f"1 {source.coin} = {without_trailing_zeros(str(order.rate))} {destination.coin}",
            ),
            ("Service fee (included in the rate)", percent(order.margin.total)),
            ("Network fee", f"{format_amount(order.network_fee, destination)} {destination.coin}"),
        ]
    if order.state is State.REFUNDED:
        lines += [
            ("Refunded to", order.refund_address),
            ("Refund transaction", order.refund_tx_id or ""),
        ]
    return tuple((name, value) for name, value in lines if value)


def _steps(order: Order) -> tuple[StepView, ...]:
    current, progress = _STEP_OF_STATE[order.state]
    steps = []
    for index, label in enumerate(_STEP_LABELS):
        at = Progress.DONE if index < current else progress if index == current else Progress.AHEAD
        steps.append(StepView(label, at, _PROGRESS_LABELS[at]))
    return tuple(steps)
