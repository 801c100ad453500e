"""Delivery of an event: leased, ready to send, attempted, and the status that follows."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.webhooks.events import Event

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters except tab and line ends, and characters that override text direction."""


class EventStatus(StrEnum):
    """The delivery status of an event."""

    PENDING = "pending"
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"


class LeasedEvent(msgspec.Struct, frozen=True):
    """A queued event that only the holder of its lease may send, with its partner's settings now.

    `failed_attempts` counts since creation or replay. A secret is None where there is none, or
    where the key ring cannot decrypt it. `endpoint_gone` is set once the endpoint has responded 410
    Gone; `order_deleted` where the user has deleted the event's order.
    """

    event: Event
    failed_attempts: int
    url: str | None
    webhook_secret: str | None
    previous_webhook_secret: str | None
    standard_webhooks: bool
    partner_enabled: bool
    subscribed: bool
    endpoint_gone: bool
    order_deleted: bool
    traceparent: str | None = None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"LeasedEvent(id={self.event.id})"


class PendingDelivery(msgspec.Struct, frozen=True):
    """An event ready to be sent, with its URL, its signing secrets and its failed attempts so far.

    `previous_webhook_secret` is set for a while after a rotation, for partners that still verify
    with it: in the Standard Webhooks format only.
    """

    event: Event
    url: str
    webhook_secret: str
    standard_webhooks: bool
    failed_attempts: int
    previous_webhook_secret: str | None = None
    traceparent: str | None = None
    """The trace of the order, if the call that created it was traced."""

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"PendingDelivery(id={self.event.id})"


class Attempt(msgspec.Struct, frozen=True):
    """The result of one attempt. Success is an `http_status` of 2xx and no `error`.

    `response_body` is the beginning of the response body, made safe to store and to display;
    `retry_after` is the delay that its Retry-After header requests.
    """

    started_at: datetime
    latency: timedelta
    http_status: int | None
    error: str | None
    response_body: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Return whether the endpoint accepted the event."""
        return (
            self.error is None and self.http_status is not None and (200 <= self.http_status < 300)
        )


class FinishedAttempt(msgspec.Struct, frozen=True):
    """An attempt to be recorded, under the lease that allowed it.

    Its event becomes delivered, else due again at `retry_at`, else dead.
    """

    event_id: UUID
    lease: UUID
    attempt: Attempt
    retry_at: datetime | None

    @property
    def status(self) -> EventStatus:
        """Return the status of the event after the attempt."""
        if self.attempt.delivered:
            return EventStatus.DELIVERED
        return EventStatus.PENDING if self.retry_at else EventStatus.DEAD


def printable_excerpt(body: bytes, *, limit: int) -> str:
    """Return the first `limit` bytes of a response body as text, safe to store and to display.

    Bytes that are not UTF-8, and control characters, which a database rejects or a terminal obeys,
    become replacement characters.
    """
    text = _CONTROL.sub("\ufffd", body[:limit].decode(errors="replace"))
    return text.encode()[:limit].decode(errors="ignore")
