"""The CSV export of orders, with names and number formats of the API."""

from datetime import datetime
from typing import Final

from cabinet_htmx.shared.times import machine
from domain.money import format_units, format_usd
from domain.orders.query import ListedOrder

HEADER: Final = (
    *("id", "status", "type", "opened_at", "finished_at", "from", "from_amount", "to", "to_amount"),
    *("rate", "network_fee", "markup_bps", "code", "worth_usd", "earned_usd", "to_address"),
    *("to_tag", "refund_address", "pay_in_address", "pay_in_tag", "deposit_tx", "payout_tx"),
    "refund_tx",
)


def order_line(listed: ListedOrder) -> tuple[object, ...]:
    """Return the cells of an order. Times are UTC, USD is rounded down to cents."""
    order = listed.order
    source, destination = order.source, order.destination
    deposit = order.received
    return (
        order.id,
        order.status.value,
        order.rate_type.value,
        machine(order.created_at),
        _time(order.finished_at),
        source.code,
        format_units(order.source_amount, source.precision),
        destination.code,
        format_units(order.destination_amount, destination.precision),
        order.rate,
        format_units(order.network_fee, destination.precision),
        order.markup_bps,
        order.references.code,
        format_usd(order.worth_usd),
        None if listed.earned is None else format_usd(listed.earned),
        order.destination_address,
        order.destination_tag,
        order.refund_address,
        order.pay_in_address,
        order.pay_in_tag,
        deposit.tx_id if deposit else None,
        order.payout_tx_id,
        order.refund_tx_id,
    )


def _time(at: datetime | None) -> str | None:
    return machine(at) if at else None
