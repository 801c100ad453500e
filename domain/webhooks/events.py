"""Webhook events: one class per type, with its document and dedup key (contract, section 8)."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Annotated, Final
from uuid import UUID

import msgspec

from domain.orders.order import Order
from domain.orders.wire import OrderOut, order_out
from domain.wire import Identity, Moment, UnixMilliseconds, Usd, one_of


class EventType(StrEnum):
    """The types of events."""

    ORDER_STATUS_CHANGED = "order.status_changed"
    PARTNER_PAID_OUT = "partner.paid_out"
    EARNINGS_CLEARED = "earnings.cleared"
    PAYOUT_DETAILS_CHANGED = "payout_details.changed"
    WEBHOOK_TEST = "webhook.test"


class DetailsStatus(StrEnum):
    """Whether changed payout details are going to take effect, or have been withdrawn."""

    PENDING = "PENDING"
    WITHDRAWN = "WITHDRAWN"


TEST_PREFIX: Final = "test:"
"""What the dedup keys of test events begin with, and no others."""


class Event(msgspec.Struct, frozen=True):
    """An event as stored. `body` is what every attempt sends, byte for byte."""

    id: UUID
    partner_id: UUID
    order_id: UUID | None
    type: EventType
    dedup_key: str
    body: bytes
    created_at: datetime

    @property
    def is_test(self) -> bool:
        """Return whether it was sent on request, whatever its type: nothing has happened."""
        return self.dedup_key.startswith(TEST_PREFIX)


class AbstractStructMeta(msgspec.StructMeta, ABCMeta):
    """Metaclass of a struct with abstract methods: without them it cannot be instantiated."""


class EventBody(msgspec.Struct, frozen=True, tag_field="event", metaclass=AbstractStructMeta):
    """The JSON document of one event type. Each subclass is one type, named by its `tag`.

    Defining a subclass is all that registers an event type: `EVENT_BODIES` is derived from them.
    """

    @classmethod
    def event_type(cls) -> EventType:
        """Return the type that the `event` field of the document names."""
        return EventType(str(cls.__struct_config__.tag))

    @abstractmethod
    def dedup_key(self) -> str:
        """Return the key that is unique per partner: the same fact is never enqueued twice."""


class OrderStatusChanged(EventBody, frozen=True, tag=EventType.ORDER_STATUS_CHANGED.value):
    """The partner-facing status of an order has changed; `order` is the order at that change."""

    order: OrderOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per order and status."""
        return f"order:{self.order.id}:{self.order.status}"


class PayoutOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The earnings of a period, paid out by the operator."""

    id: Identity
    period_start: Moment
    period_end: Moment
    amount_usd: Usd
    reference: str
    paid_out_at: Moment


class PartnerPaidOut(EventBody, frozen=True, tag=EventType.PARTNER_PAID_OUT.value):
    """The operator has marked earnings as paid."""

    payout: PayoutOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per time of a payout."""
        return f"paid_out:{self.payout.paid_out_at}"


class EarningsOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Earnings that the operator has reset to zero."""

    amount_usd: Usd
    cleared_at: Moment


class EarningsCleared(EventBody, frozen=True, tag=EventType.EARNINGS_CLEARED.value):
    """The operator has started a new accounting cycle."""

    earnings: EarningsOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per time of a reset."""
        return f"cleared:{self.earnings.cleared_at}"


class PayoutDetailsOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where earnings are sent from `takesEffectAt` on, unless the change is withdrawn."""

    id: Identity
    status: Annotated[str, one_of(DetailsStatus, name="PayoutDetailsStatus")]
    asset: str
    network: str
    address: str
    tag: str | None
    requested_at: Moment
    takes_effect_at: Moment


class PayoutDetailsChanged(
    EventBody, frozen=True, rename="camel", tag=EventType.PAYOUT_DETAILS_CHANGED.value
):
    """A change of payout details was requested in the cabinet, or was withdrawn."""

    payout_details: PayoutDetailsOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per request of new details and its status."""
        return f"payout_details:{self.payout_details.id}:{self.payout_details.status}"


class TestOut(msgspec.Struct, frozen=True):
    """The resource of a test event."""

    id: Identity
    message: str


class WebhookTest(EventBody, frozen=True, tag=EventType.WEBHOOK_TEST.value):
    """A test was requested: nothing has happened, and no action is needed."""

    test: TestOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per test: its `id` is the event's."""
        return f"{TEST_PREFIX}{self.test.id}"


EVENT_BODIES: Mapping[EventType, type[EventBody]] = {
    body.event_type(): body for body in EventBody.__subclasses__()
}
"""The document of each event type."""


class RecordedOrder(msgspec.Struct, frozen=True):
    """What is read of an order in a stored body: those of earlier versions have fewer fields."""

    id: str
    status: str


class RecordedStatusChange(
    OrderStatusChanged, frozen=True, tag=EventType.ORDER_STATUS_CHANGED.value
):
    """A stored `order.status_changed`, of this version or an earlier one."""

    order: RecordedOrder  # type: ignore[assignment]  # fewer fields of the same document


# A union, because a tagged type decoded alone accepts a document without its `event` field.
_BODY_DECODER: msgspec.json.Decoder[EventBody] = msgspec.json.Decoder(
    reduce(or_, {**EVENT_BODIES, EventType.ORDER_STATUS_CHANGED: RecordedStatusChange}.values())
)


def decode_body(document: bytes) -> EventBody:
    """Return a stored body; raise msgspec.MsgspecError where it is no body of an event."""
    return _BODY_DECODER.decode(document)


def order_status_changed(
    event_id: UUID, order: Order, *, at: datetime, public_url: str = ""
) -> Event:
    """Return the event that reports the current status of `order`; see `order_out`."""
    out = order_out(order, now=at, public_url=public_url)
    body = OrderStatusChanged(order=out, ts=milliseconds(at))
    return _event(event_id, order.partner_id, body, at=at, order_id=order.id)


def partner_paid_out(event_id: UUID, partner_id: UUID, payout: PayoutOut, *, at: datetime) -> Event:
    """Return the event that notifies a partner of a payout of its earnings."""
    return _event(event_id, partner_id, PartnerPaidOut(payout=payout, ts=milliseconds(at)), at=at)


def earnings_cleared(
    event_id: UUID, partner_id: UUID, earnings: EarningsOut, *, at: datetime
) -> Event:
    """Return the event that notifies a partner that its earnings are reset to zero."""
    body = EarningsCleared(earnings=earnings, ts=milliseconds(at))
    return _event(event_id, partner_id, body, at=at)


def payout_details_changed(
    event_id: UUID, partner_id: UUID, details: PayoutDetailsOut, *, at: datetime
) -> Event:
    """Return the event that notifies a partner of a change of its payout details."""
    body = PayoutDetailsChanged(payout_details=details, ts=milliseconds(at))
    return _event(event_id, partner_id, body, at=at)


def event_of_test(event_id: UUID, partner_id: UUID, body: EventBody, *, at: datetime) -> Event:
    """Return an event whose only purpose is to test an endpoint, with a document of any type."""
    event = _event(event_id, partner_id, body, at=at)
    return msgspec.structs.replace(event, dedup_key=f"{TEST_PREFIX}{event_id}")


def milliseconds(at: datetime) -> int:
    """Return a time as `ts`: Unix milliseconds."""
    return int(at.timestamp() * 1000)


def _event(
    event_id: UUID,
    partner_id: UUID,
    body: EventBody,
    *,
    at: datetime,
    order_id: UUID | None = None,
) -> Event:
    return Event(
        id=event_id,
        partner_id=partner_id,
        order_id=order_id,
        type=body.event_type(),
        dedup_key=body.dedup_key(),
        body=msgspec.json.encode(body),
        created_at=at,
    )
