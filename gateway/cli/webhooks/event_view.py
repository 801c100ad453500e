"""How webhook events are printed."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary, LoggedAttempt
from gateway.cli.output import Row

NARROW = ("id", "status", "attempts", "outcome")
"""The columns of a list in a narrow terminal."""


class AttemptOut(msgspec.Struct, rename="camel"):
    """An attempt."""

    attempt: int
    started_at: datetime
    latency_ms: int
    http_status: int | None
    error: str | None
    answer: str | None


class EventOut(msgspec.Struct, rename="camel"):
    """An event without its body."""

    id: UUID
    type: str
    status: str
    dedup_key: str
    order_id: UUID | None
    attempts: int
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None
    last_attempt: AttemptOut | None


class EventDetailsOut(msgspec.Struct, rename="camel"):
    """An event with its body, as text, and all its attempts."""

    event: EventOut
    partner_id: UUID
    body: str
    log: list[AttemptOut]


def _attempt_out(attempt: LoggedAttempt) -> AttemptOut:
    return AttemptOut(
        attempt=attempt.attempt,
        started_at=attempt.started_at,
        latency_ms=attempt.latency_ms,
        http_status=attempt.http_status,
        error=attempt.error,
        answer=attempt.response_body,
    )


def event_out(event: EventSummary) -> EventOut:
    """Return an event as JSON has it."""
    return EventOut(
        id=event.id,
        type=event.type,
        status=event.status.value,
        dedup_key=event.dedup_key,
        order_id=event.order_id,
        attempts=event.attempts,
        created_at=event.created_at,
        due_at=event.due_at if event.status is EventStatus.PENDING else None,
        finished_at=event.finished_at,
        last_attempt=_attempt_out(event.last) if event.last else None,
    )


def details_out(details: EventDetails) -> EventDetailsOut:
    """Return an event with its body and attempts as JSON has it."""
    return EventDetailsOut(
        event=event_out(details.event),
        partner_id=details.partner_id,
        body=details.body,
        log=[_attempt_out(attempt) for attempt in details.attempts],
    )


def event_row(event: EventSummary) -> Row:
    """Return an event's row in a list."""
    return {
        "id": event.id,
        "status": event.status.value,
        "attempts": event.attempts,
        "outcome": _outcome(event.last) if event.last else None,
        "created": event.created_at,
        "due": event.due_at if event.status is EventStatus.PENDING else None,
        "dedup key": event.dedup_key,
    }


def _outcome(attempt: LoggedAttempt) -> str:
    result = attempt.error or f"HTTP {attempt.http_status}"
    return f"{result} after {attempt.latency_ms} ms"


def details_table(details: EventDetails) -> Row:
    """Return an event's fields as people see them."""
    log = {
        f"attempt {attempt.attempt}, {attempt.started_at}": " | ".join(
            part for part in (_outcome(attempt), attempt.response_body) if part
        )
        for attempt in details.attempts
    }
    return {**event_row(details.event), "partner": details.partner_id, "body": details.body, **log}
