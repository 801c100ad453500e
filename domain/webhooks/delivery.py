"""What operators and partners are shown of events and of the attempts to deliver them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.webhooks.events import Event


class EventStatus(StrEnum):
    """Where an event is: waiting, on its way, or settled."""

    PENDING = "pending"
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"


SETTLED = frozenset({EventStatus.DELIVERED, EventStatus.DEAD})


class LoggedAttempt(msgspec.Struct, frozen=True):
    """An attempt as it is kept. `attempt` counts from 1, and anew after a replay."""

    attempt: int
    started_at: datetime
    latency_ms: int
    http_status: int | None
    error: str | None
    answer: str | None


class ListedEvent(msgspec.Struct, frozen=True):
    """An event without its body, and its newest attempt. A pending one is tried at `due_at`."""

    id: UUID
    order_id: UUID | None
    type: str
    dedup_key: str
    status: EventStatus
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    last: LoggedAttempt | None


class ShownEvent(msgspec.Struct, frozen=True):
    """An event with its body and all its attempts, oldest first."""

    event: ListedEvent
    partner_id: UUID
    body: str
    attempts: Sequence[LoggedAttempt]


class Backlog(msgspec.Struct, frozen=True):
    """How many events are due, wait for a later attempt, are queued, or are kept back.

    What is kept back waits for its endpoint's circuit; `oldest_due` is of those that don't.
    """

    due: int
    waiting: int
    queued: int
    kept_back: int
    open_circuits: int
    oldest_due: datetime | None


class WebhookHealth(msgspec.Struct, frozen=True):
    """How an endpoint fares.

    `gone_at` is since when it says that it is gone, `open_since` since when its circuit is open and
    `probe_at` when it is tried next; `waiting` events wait after a failed attempt, and `dead` were
    given up within a day. Both are counted up to a thousand.
    """

    gone_at: datetime | None
    open_since: datetime | None
    probe_at: datetime | None
    waiting: int
    dead: int

    @property
    def is_well(self) -> bool:
        """Tell whether there is nothing to worry about."""
        return self.gone_at is None and self.open_since is None and not (self.waiting or self.dead)


class PendingDelivery(msgspec.Struct, frozen=True):
    """An event ready to be sent: where to, signed with what, and how often it was tried.

    `previous_webhook_secret` is what the partner may still verify with, for a while after a
    rotation: in the standard format only.
    """

    event: Event
    url: str
    webhook_secret: str
    standard_webhooks: bool
    failed_attempts: int
    previous_webhook_secret: str | None = None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"PendingDelivery(id={self.event.id})"


class Attempt(msgspec.Struct, frozen=True):
    """How one delivery attempt went. Success is an `http_status` of 2xx and no `error`.

    `answer` is the beginning of what the receiver said, made safe to keep and to show;
    `retry_after` how long it asks to be left alone.
    """

    started_at: datetime
    latency: timedelta
    http_status: int | None
    error: str | None
    answer: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver took the event."""
        return (
            self.error is None and self.http_status is not None and (200 <= self.http_status < 300)
        )


class FinishedAttempt(msgspec.Struct, frozen=True):
    """An attempt that is to be logged, and what becomes of its event.

    The event is delivered; else it is due again at `retry_at`; else it is dead.
    """

    event_id: UUID
    lease: UUID
    attempt: Attempt
    retry_at: datetime | None

    @property
    def status(self) -> str:
        """Return the status of the event after it."""
        if self.attempt.delivered:
            return "delivered"
        return "pending" if self.retry_at else "dead"
