"""Webhook events: body, signature and the ladder of retries (contract, section 8)."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.order_object import OrderOut, order_out
from domain.orders import Order

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


class EventType(StrEnum):
    """What a partner can be told."""

    ORDER_STATUS_CHANGED = "order.status_changed"
    PARTNER_PAID_OUT = "partner.paid_out"
    EARNINGS_CLEARED = "earnings.cleared"


DEFAULT_EVENTS = frozenset({EventType.ORDER_STATUS_CHANGED})


class Event(msgspec.Struct, frozen=True):
    """An event as it is committed. `body` is what every attempt sends, byte for byte."""

    id: UUID
    partner_id: UUID
    order_id: UUID | None
    type: EventType
    dedup_key: str
    body: bytes
    created_at: datetime


class _OrderStatusChanged(msgspec.Struct):
    event: str
    order: OrderOut
    ts: int


def order_status_changed(event_id: UUID, order: Order, *, at: datetime) -> Event:
    """Return the event that tells of the status `order` has now."""
    body = _OrderStatusChanged(
        event=EventType.ORDER_STATUS_CHANGED.value,
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
