"""What stands in the books and can't be: orders and events beside what they should have left."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from domain.ledger.postings import CURRENCY, Posting, accrual
from domain.money import USD_DECIMALS, format_units
from domain.orders.order import Order
from domain.orders.states import State
from domain.webhooks.events import Event, OrderStatusChanged, decode_body


class Difference(msgspec.Struct, frozen=True):
    """Of `subject`, `what` was found to be `found`, and should be `expected`."""

    what: str
    subject: str
    expected: str
    found: str


class BookedOrder(msgspec.Struct, frozen=True):
    """An order that is completed or has postings, and all that the ledger has under its id.

    `price` (10^-18 USD) and `base_fee_share_bps` are what its earnings were posted at; each of
    `booked` is a posting as `booked` writes it.
    """

    order: Order
    accrued: bool
    price: int | None
    base_fee_share_bps: int | None
    booked: Sequence[str]


class StoredEvent(msgspec.Struct, frozen=True):
    """An event and, where it tells of the very last move of its order, the order's status now."""

    event: Event
    order_status: str | None


def order_differences(found: BookedOrder) -> Iterator[Difference]:
    """Compute what an order should have left in the ledger anew, and compare."""
    order = found.order
    if found.accrued and order.state is not State.COMPLETED:
        yield Difference("state of an accrued order", str(order.id), "completed", order.state.value)
    expected: list[str] = []
    if found.accrued and found.price is not None and found.base_fee_share_bps is not None:
        earned = accrual(order, found.price, base_fee_share_bps=found.base_fee_share_bps)
        expected = [booked_posting(order, posting) for posting in earned.postings]
    if sorted(expected) != sorted(found.booked):
        yield Difference(
            "postings of an order", str(order.id), _listed(expected), _listed(found.booked)
        )


def booked_posting(order: Order, posting: Posting) -> str:
    """Return how a posting of an order is told: account, amount, currency, partner and code."""
    parts: Mapping[str, object] = {"partner": order.partner_id, "code": order.code_id}
    return " ".join(
        [posting.account.value, format_units(posting.amount, USD_DECIMALS), CURRENCY]
        + [f"{name} {value}" for name, value in parts.items() if value is not None]
    )


def event_differences(stored: StoredEvent) -> Iterator[Difference]:
    """Compare an event's body with the row it stands in, and with its order."""
    event = stored.event
    subject = str(event.id)
    try:
        body = decode_body(event.body)
    except msgspec.MsgspecError as error:
        yield Difference("body of an event", subject, event.type.value, str(error))
        return
    if body.event_type() is not event.type:
        found = body.event_type().value
        yield Difference("body of an event", subject, event.type.value, found)
        return
    key = body.dedup_key()
    if key != event.dedup_key:
        yield Difference("dedup key of an event", subject, key, event.dedup_key)
    if isinstance(body, OrderStatusChanged):
        if body.order.id != str(event.order_id):
            yield Difference("order of an event", subject, body.order.id, str(event.order_id))
        if stored.order_status not in (None, body.order.status):
            yield Difference(
                "status of an order's last event",
                str(event.order_id),
                str(stored.order_status),
                body.order.status,
            )


def _listed(postings: Sequence[str]) -> str:
    return "; ".join(sorted(postings)) or "none"
