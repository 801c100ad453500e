"""Webhook events: URL, body, signature and the ladder of retries (contract, section 8)."""

import base64
import hashlib
import hmac
import re
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, StrEnum, auto
from functools import reduce
from operator import or_
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.orders.order import Order
from domain.orders.wire import OrderOut, order_out
from domain.wire import Identity, Moment, UnixMilliseconds, Usd, one_of

JITTER = 0.10
RETRY_SCHEDULE = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""Waits after the first, second ... failed attempt; after the last the event is dead-lettered."""
MAX_RETRY_AFTER = timedelta(hours=1)
"""A receiver's Retry-After counts up to this: a day's would outlast what its partner knows of."""

_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2048}", re.ASCII)
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line ends, and what turns the direction of writing."""


class EventType(StrEnum):
    """What a partner can be told."""

    ORDER_STATUS_CHANGED = "order.status_changed"
    PARTNER_PAID_OUT = "partner.paid_out"
    EARNINGS_CLEARED = "earnings.cleared"
    PAYOUT_DETAILS_CHANGED = "payout_details.changed"
    WEBHOOK_TEST = "webhook.test"


class DetailsStatus(StrEnum):
    """Whether changed payout details wait to take effect, or were withdrawn before."""

    PENDING = "PENDING"
    WITHDRAWN = "WITHDRAWN"


DEFAULT_EVENTS = frozenset({EventType.ORDER_STATUS_CHANGED})
SUBSCRIBABLE = tuple(event for event in EventType if event is not EventType.WEBHOOK_TEST)
"""A test is sent to whoever asks for it, subscribed or not."""


def parse_event_types(names: Iterable[str]) -> frozenset[EventType]:
    """Return the events by these names; none at all is fine. Raises InvalidRequest."""
    known = {event.value: event for event in SUBSCRIBABLE}
    chosen = frozenset(names)
    unknown = sorted(chosen - known.keys())
    if unknown:
        raise InvalidRequest(
            f"there is no event {', '.join(unknown)}: there are {', '.join(known)}"
        )
    return frozenset(known[name] for name in chosen)


class UrlProblem(Enum):
    """Why a webhook URL is rejected."""

    MALFORMED = auto()
    NOT_HTTPS = auto()
    FORBIDDEN_PART = auto()
    HOST_NOT_PUBLIC = auto()
    AMBIGUOUS_HOST = auto()


class InvalidWebhookUrl(InvalidRequest):
    """Events cannot be sent to this URL."""

    def __init__(self, problem: UrlProblem) -> None:
        super().__init__(f"webhook URL rejected: {problem.name}")
        self.problem = problem


def validate_url_syntax(text: str, *, insecure_allowed: bool) -> None:
    """Raise InvalidWebhookUrl unless events may be sent to a URL of this form.

    `insecure_allowed` permits plain http. Whether its host may be connected to is decided on each
    connection, by the address that the host has then.
    """
    parts = _split(text)
    if parts is None:
        raise InvalidWebhookUrl(UrlProblem.MALFORMED)
    if parts.scheme == "http" and not insecure_allowed:
        raise InvalidWebhookUrl(UrlProblem.NOT_HTTPS)
    if "@" in parts.netloc or "#" in text:
        raise InvalidWebhookUrl(UrlProblem.FORBIDDEN_PART)


def _split(text: str) -> SplitResult | None:
    if _URL.fullmatch(text) is None:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return None
    return parts if usable and _HOST.fullmatch(parts.hostname or "") else None


class Event(msgspec.Struct, frozen=True):
    """An event as it is committed. `body` is what every attempt sends, byte for byte."""

    id: UUID
    partner_id: UUID
    order_id: UUID | None
    type: EventType
    dedup_key: str
    body: bytes
    created_at: datetime


class AbstractStructMeta(msgspec.StructMeta, ABCMeta):
    """Metaclass of a struct with abstract methods: one that lacks them can't be instantiated."""


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
    """The status that the partner sees has changed; `order` is as it was at that change."""

    order: OrderOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per order and status."""
        return f"order:{self.order.id}:{self.order.status}"


class PayoutOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Earnings of a period that the operator has paid out."""

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
    """Earnings that the operator has set back to zero."""

    amount_usd: Usd
    cleared_at: Moment


class EarningsCleared(EventBody, frozen=True, tag=EventType.EARNINGS_CLEARED.value):
    """The operator has begun a new accounting cycle."""

    earnings: EarningsOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per time of a reset."""
        return f"cleared:{self.earnings.cleared_at}"


class PayoutDetailsOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where earnings are to be sent from `takesEffectAt` on, unless that was withdrawn."""

    id: Identity
    status: Annotated[str, one_of(DetailsStatus)]
    asset: str
    network: str
    address: str
    tag: str | None
    requested_at: Moment
    takes_effect_at: Moment


class PayoutDetailsChanged(
    EventBody, frozen=True, rename="camel", tag=EventType.PAYOUT_DETAILS_CHANGED.value
):
    """Somebody has asked in the cabinet for other payout details, or has withdrawn that."""

    payout_details: PayoutDetailsOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per request of new details and its status."""
        return f"payout_details:{self.payout_details.id}:{self.payout_details.status}"


class TestOut(msgspec.Struct, frozen=True):
    """What a test event says."""

    id: Identity
    message: str


class WebhookTest(EventBody, frozen=True, tag=EventType.WEBHOOK_TEST.value):
    """Somebody has asked for a test: nothing has happened, and there is nothing to do."""

    test: TestOut
    ts: UnixMilliseconds

    def dedup_key(self) -> str:
        """Return one key per test: its `id` is the event's."""
        return f"test:{self.test.id}"


EVENT_BODIES: Mapping[EventType, type[EventBody]] = {
    body.event_type(): body for body in EventBody.__subclasses__()
}
"""The document of each event type."""

# A union, because a tagged type decoded alone accepts a document without its `event` field.
_BODY_DECODER: msgspec.json.Decoder[EventBody] = msgspec.json.Decoder(
    reduce(or_, EVENT_BODIES.values())
)


def decode_body(document: bytes) -> EventBody:
    """Return a stored body; raise msgspec.MsgspecError where it is no body of an event."""
    return _BODY_DECODER.decode(document)


def order_status_changed(event_id: UUID, order: Order, *, at: datetime) -> Event:
    """Return the event that reports the current status of `order`."""
    body = OrderStatusChanged(order=order_out(order, now=at), ts=_milliseconds(at))
    return _event(event_id, order.partner_id, body, at=at, order_id=order.id)


def partner_paid_out(event_id: UUID, partner_id: UUID, payout: PayoutOut, *, at: datetime) -> Event:
    """Return the event that notifies a partner of a payout of its earnings."""
    return _event(event_id, partner_id, PartnerPaidOut(payout=payout, ts=_milliseconds(at)), at=at)


def earnings_cleared(
    event_id: UUID, partner_id: UUID, earnings: EarningsOut, *, at: datetime
) -> Event:
    """Return the event that notifies a partner that its earnings are reset to zero."""
    body = EarningsCleared(earnings=earnings, ts=_milliseconds(at))
    return _event(event_id, partner_id, body, at=at)


def payout_details_changed(
    event_id: UUID, partner_id: UUID, details: PayoutDetailsOut, *, at: datetime
) -> Event:
    """Return the event that notifies a partner of a change of its payout details."""
    body = PayoutDetailsChanged(payout_details=details, ts=_milliseconds(at))
    return _event(event_id, partner_id, body, at=at)


def webhook_test(event_id: UUID, partner_id: UUID, *, at: datetime) -> Event:
    """Return an event whose only purpose is to test an endpoint."""
    test = TestOut(id=str(event_id), message="This is a test: nothing has happened.")
    return _event(event_id, partner_id, WebhookTest(test=test, ts=_milliseconds(at)), at=at)


def wire_moment(at: datetime) -> str:
    """Return a moment as `paidOutAt` and its like are written: UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def signature(body: bytes, webhook_secret: str) -> str:
    """Return `X-Partner-Webhook-Sign`: hex HMAC-SHA256 of the raw body."""
    return hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signed(body: bytes, *, message_id: str, timestamp: int) -> bytes:
    """Return what a signature of the Standard Webhooks specification (1.0.0) is computed over."""
    return f"{message_id}.{timestamp}.".encode() + body


def standard_signature(body: bytes, webhook_secret: str, *, message_id: str, timestamp: int) -> str:
    """Return a signature of the Standard Webhooks specification (1.0.0): v1 and base64.

    The HMAC key is the webhookSecret's text, as for our own signature. The public libraries take it
    as raw bytes, or as `whsec_` + base64(webhookSecret).
    """
    signed = standard_signed(body, message_id=message_id, timestamp=timestamp)
    digest = hmac.new(webhook_secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def retry_delay(
    failed_attempts: int,
    *,
    uniform: Callable[[float, float], float],
    requested: timedelta | None = None,
) -> timedelta | None:
    """Return the delay after `failed_attempts` (1 or more); None where the event becomes dead.

    `uniform(a, b)` draws the jitter. A delay `requested` by Retry-After makes it longer, up to an
    hour, and never shorter: an endpoint cannot have itself called more often.
    """
    if failed_attempts > len(RETRY_SCHEDULE):
        return None
    delay = RETRY_SCHEDULE[failed_attempts - 1] * uniform(1 - JITTER, 1 + JITTER)
    if requested is None:
        return delay
    return max(delay, min(requested, MAX_RETRY_AFTER) * uniform(1, 1 + JITTER))


def remaining_schedule(failed_attempts: int) -> timedelta:
    """Return how long the retries of an event may still take after `failed_attempts`, at most."""
    return sum(RETRY_SCHEDULE[failed_attempts:], timedelta()) * (1 + JITTER)


def retry_after_delay(retry_after: str | None, *, now: datetime) -> timedelta | None:
    """Return the delay of a Retry-After header: whole seconds or a date (RFC 9110, 10.2.3).

    None where the header is missing or malformed, or where its date has passed.
    """
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text)) if int(text) else None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    delay = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return delay if delay > timedelta() else None


def printable_excerpt(body: bytes, *, limit: int) -> str:
    """Return the first `limit` bytes of a response body as text, safe to store and to display.

    Bytes that are not UTF-8, and control characters, which a database rejects or a terminal obeys,
    become replacement characters.
    """
    text = _CONTROL.sub("\ufffd", body[:limit].decode(errors="replace"))
    return text.encode()[:limit].decode(errors="ignore")


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
