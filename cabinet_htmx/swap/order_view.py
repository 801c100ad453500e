"""What an order's page shows: where to send what, how far it is, and what its user may do."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cabinet_htmx.shared.amounts import percent, shown, trimmed
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.order_status import EMERGENCY_REASONS, version_seen
from cabinet_htmx.shared.times import utc
from cabinet_htmx.swap import sentences
from domain.orders.order import Order
from domain.orders.states import FINAL, Choice, State

SHOWN_PAY_IN: Final = frozenset({State.AWAITING_DEPOSIT})


class Progress(StrEnum):
    """How far a step of an order is."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    FAILED = "failed"


class StepShown(msgspec.Struct, frozen=True):
    """A step of an order."""

    label: str
    progress: Progress
    spoken: str


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the order's template needs."""

    order: Order
    token: str
    seen: str
    headline: str
    steps: tuple[StepShown, ...]
    is_final: bool
    is_waiting: bool
    seconds_left: int
    expires: str
    source_mark: CoinIcon
    destination_mark: CoinIcon
    sent: str
    got: str
    received: str | None
    rate: str
    fee: str
    network_fee: str
    reasons: tuple[str, ...]
    chosen: str | None
    choices: tuple[Choice, ...]
    receipt: tuple[tuple[str, str], ...]
    qr: str | None = None


_SPOKEN: Final = {
    Progress.DONE: "done",
    Progress.NOW: "in progress",
    Progress.AHEAD: "to come",
    Progress.FAILED: "stopped here",
}
_LABELS: Final = ("Deposit", "Confirm", "Exchange", "Done")
_AT: Final = {
    State.AWAITING_DEPOSIT: (0, Progress.NOW),
    State.CONFIRMING: (1, Progress.NOW),
    State.PAYING_OUT: (2, Progress.NOW),
    State.COMPLETED: (4, Progress.DONE),
    State.EXPIRED: (0, Progress.FAILED),
    State.CANCELLED: (0, Progress.FAILED),
    State.REFUNDED: (2, Progress.FAILED),
    State.HELD: (2, Progress.FAILED),
}


def order_view(
    order: Order, token: str, *, choices: Sequence[Choice], now: datetime, qr: str | None = None
) -> OrderView:
    """Return the view of an order; `qr` is a picture of its pay-in address, as a data URL."""
    source, destination = order.source, order.destination
    deposit = order.received
    return OrderView(
        order=order,
        token=token,
        seen=version_seen(order),
        headline=sentences.headline(order),
        steps=_steps(order),
        is_final=order.state in FINAL,
        is_waiting=order.state is State.AWAITING_DEPOSIT,
        seconds_left=max(int((order.expires_at - now).total_seconds()), 0),
        expires=utc(order.expires_at),
        source_mark=coin_icon(source),
        destination_mark=coin_icon(destination),
        sent=shown(order.source_amount, source),
        got=shown(order.destination_amount, destination),
        received=shown(deposit.amount, source) if deposit else None,
        rate=f"1 {source.coin} = {trimmed(str(order.rate))} {destination.coin}",
        fee=percent(order.margin.total),
        network_fee=f"{shown(order.network_fee, destination)} {destination.coin}",
        reasons=tuple(EMERGENCY_REASONS[reason] for reason in order.emergency),
        chosen=sentences.CHOSEN.get(order.choice) if order.state is State.HELD else None,
        choices=tuple(choices),
        receipt=receipt(order),
        qr=qr,
    )


def receipt(order: Order) -> tuple[tuple[str, str], ...]:
    """Return a finished order's lines to keep, each with its name, without the token."""
    source, destination = order.source, order.destination
    lines = [
        ("Order", str(order.id)),
        ("Status", sentences.headline(order)),
        ("Opened", utc(order.created_at)),
        ("Finished", utc(order.finished_at) if order.finished_at else ""),
        ("Sent", f"{shown(order.source_amount, source)} {source.coin} on {source.network}"),
        ("Pay-in address", order.pay_in_address),
        ("Pay-in memo", order.pay_in_tag or ""),
        ("Deposit transaction", order.received.tx_id if order.received else ""),
    ]
    if order.state is State.COMPLETED:
        lines += [
            (
                "Paid out",
                f"{shown(order.destination_amount, destination)} {destination.coin} on "
                + destination.network,
            ),
            ("To address", order.destination_address),
            (destination.tag_name or "Memo", order.destination_tag or ""),
            ("Payout transaction", order.payout_tx_id or ""),
            ("Rate", f"1 {source.coin} = {trimmed(str(order.rate))} {destination.coin}"),
            ("Service fee, in the rate", percent(order.margin.total)),
            ("Network fee", f"{shown(order.network_fee, destination)} {destination.coin}"),
        ]
    if order.state is State.REFUNDED:
        lines += [
            ("Refunded to", order.refund_address),
            ("Refund transaction", order.refund_tx_id or ""),
        ]
    return tuple((name, value) for name, value in lines if value)


def _steps(order: Order) -> tuple[StepShown, ...]:
    here, progress = _AT[order.state]
    steps = []
    for place, label in enumerate(_LABELS):
        at = Progress.DONE if place < here else progress if place == here else Progress.AHEAD
        steps.append(StepShown(label, at, _SPOKEN[at]))
    return tuple(steps)
