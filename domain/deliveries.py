"""What operators and partners are shown of events and of the attempts to deliver them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


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
