"""Comparison of stored postings and events with what their orders imply."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from domain.ledger.postings import CURRENCY, Posting, accrual
from domain.money import USD_DECIMALS, format_units
from domain.orders.order import Order
from domain.orders.states import State
from domain.webhooks.events import TEST_PREFIX, Event, OrderStatusChanged, decode_body


class Difference(msgspec.Struct, frozen=True):
    """The value that `what` describes is `found` for `subject`, but should be `expected`."""

    what: str
    subject: str
    expected: str
    found: str


class PostedOrder(msgspec.Struct, frozen=True):
    """An order that is completed or has postings, with all postings of its transaction.

    `price` (10^-18 USD) and `base_fee_share_bps` are the inputs of its accrual; `postings` have the
    format of `posting_text`.
    """

    order: Order
    accrued: bool
    price: int | None
    base_fee_share_bps: int | None
    postings: Sequence[str]


class StoredEvent(msgspec.Struct, frozen=True):
    """An event; `order_status` is its order's current status if it is the order's last event."""

    event: Event
    order_status: str | None


def order_differences(posted: PostedOrder) -> Iterator[Difference]:
    """Compare an order's postings with those that its accrual implies."""
    order = posted.order
    if posted.accrued and order.state is not State.COMPLETED:
        yield Difference("state of an accrued order", str(order.id), "completed", order.state.value)
    expected: list[str] = []
    if posted.accrued and posted.price is not None and posted.base_fee_share_bps is not None:
        implied = accrual(order, posted.price, base_fee_share_bps=posted.base_fee_share_bps)
        expected = [posting_text(order, posting) for posting in implied.postings]
    if sorted(expected) != sorted(posted.postings):
        yield Difference(
            "postings of an order", str(order.id), _listed(expected), _listed(posted.postings)
        )


def posting_text(order: Order, posting: Posting) -> str:
    """Return a posting of an order as text: account, amount, currency, partner and code."""
    parts: Mapping[str, object] = {"partner": order.partner_id, "code": order.code_id}
    return " ".join(
        [posting.account.value, format_units(posting.amount, USD_DECIMALS), CURRENCY]
        + [f"{name} {value}" for name, value in parts.items() if value is not None]
    )


def event_differences(stored: StoredEvent) -> Iterator[Difference]:
    """Compare an event's body with its row and with its order."""
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
    key = f"{TEST_PREFIX}{event.id}" if event.is_test else body.dedup_key()
    if key != event.dedup_key:
        yield Difference("dedup key of an event", subject, key, event.dedup_key)
    if isinstance(body, OrderStatusChanged) and not event.is_test:
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
