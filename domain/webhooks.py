"""Webhook events: URL, body, signature and the ladder of retries (contract, section 8)."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.order_object import OrderOut, order_out
from domain.orders import Order
from domain.wire import Identity, Moment, UnixMilliseconds, Usd

JITTER = 0.10
RETRY_LADDER = (
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

_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2048}", re.ASCII)
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)


class EventType(StrEnum):
    """What a partner can be told."""

    ORDER_STATUS_CHANGED = "order.status_changed"
    PARTNER_PAID_OUT = "partner.paid_out"
    EARNINGS_CLEARED = "earnings.cleared"


DEFAULT_EVENTS = frozenset({EventType.ORDER_STATUS_CHANGED})


def checked_events(names: Iterable[str]) -> frozenset[EventType]:
    """Return the events by these names; none at all is fine. Raises InvalidRequest."""
    known = {event.value: event for event in EventType}
    chosen = frozenset(names)
    unknown = sorted(chosen - known.keys())
    if unknown:
        raise InvalidRequest(
            f"there is no event {', '.join(unknown)}: there are {', '.join(known)}"
        )
    return frozenset(known[name] for name in chosen)


def checked_webhook_url(text: str, *, insecure_allowed: bool) -> str:
    """Return a URL that events may be sent to; `insecure_allowed` lets plain http pass.

    Only its shape is checked here: whether its host may be reached is decided when connecting, by
    the address it then has. Raises InvalidRequest.
    """
    parts = _split(text)
    if parts is None:
        raise InvalidRequest("a webhook URL looks like https://host/path: ASCII, no spaces")
    if parts.scheme == "http" and not insecure_allowed:
        raise InvalidRequest("a webhook URL must be https: plain http is for sandbox mode")
    if "@" in parts.netloc or "#" in text:
        raise InvalidRequest("a webhook URL carries no user name, password or fragment")
    return text


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


class OrderStatusChanged(msgspec.Struct, frozen=True):
    """The status that the partner sees has changed; `order` is as it was at that change."""

    event: Literal["order.status_changed"]
    order: OrderOut
    ts: UnixMilliseconds


class PayoutOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Earnings of a period that the operator has paid out."""

    id: Identity
    period_start: Moment
    period_end: Moment
    amount_usd: Usd
    reference: str
    paid_out_at: Moment


class PartnerPaidOut(msgspec.Struct, frozen=True):
    """The operator has marked earnings as paid."""

    event: Literal["partner.paid_out"]
    payout: PayoutOut
    ts: UnixMilliseconds


class EarningsOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Earnings that the operator has set back to zero."""

    amount_usd: Usd
    cleared_at: Moment


class EarningsCleared(msgspec.Struct, frozen=True):
    """The operator has begun a new accounting cycle."""

    event: Literal["earnings.cleared"]
    earnings: EarningsOut
    ts: UnixMilliseconds


EVENT_BODIES: dict[EventType, type[msgspec.Struct]] = {
    EventType.ORDER_STATUS_CHANGED: OrderStatusChanged,
    EventType.PARTNER_PAID_OUT: PartnerPaidOut,
    EventType.EARNINGS_CLEARED: EarningsCleared,
}
"""What the body of each event is."""


def order_status_changed(event_id: UUID, order: Order, *, at: datetime) -> Event:
    """Return the event that tells of the status `order` has now."""
    body = OrderStatusChanged(
        event="order.status_changed",
        order=order_out(order, now=at),
        ts=int(at.timestamp() * 1000),
    )
    return Event(
        id=event_id,
        partner_id=order.partner_id,
        order_id=order.id,
        type=EventType.ORDER_STATUS_CHANGED,
        dedup_key=f"order:{order.id}:{order.status.value}",
        body=msgspec.json.encode(body),
        created_at=at,
    )


def signature(body: bytes, webhook_secret: str) -> str:
    """Return `X-Partner-Webhook-Sign`: hex HMAC-SHA256 of the raw body."""
    return hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def retry_delay(
    failed_attempts: int, *, uniform: Callable[[float, float], float]
) -> timedelta | None:
    """Return the wait after `failed_attempts` (1 or more), or None when it is time to give up.

    `uniform(a, b)` draws the jitter.
    """
    if failed_attempts > len(RETRY_LADDER):
        return None
    return RETRY_LADDER[failed_attempts - 1] * uniform(1 - JITTER, 1 + JITTER)
