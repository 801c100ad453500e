"""A webhook event and its delivery attempts."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

import msgspec

from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventOutcome, EventSummary, LoggedAttempt

SOON: Final = timedelta(seconds=45)
"""The page of an event polls for an attempt that is due within this time."""

_TONES: Final[Mapping[EventOutcome, str]] = {
    EventOutcome.WAITING: "warn",
    EventOutcome.DELIVERED: "good",
    EventOutcome.FAILED: "bad",
}
_TOKEN = re.compile(r"(token\\?[\"']?\s*[:=]\s*\\?[\"']?)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery attempt. `response_body` is the beginning of the receiver's response."""

    number: int
    at: datetime
    duration: str
    result: str
    succeeded: bool
    response_body: str | None
    unix_seconds: int

    @classmethod
    def of(cls, attempt: LoggedAttempt) -> Self:
        """Return the view of an attempt."""
        status, body = attempt.http_status, attempt.response_body
        return cls(
            number=attempt.attempt,
            at=attempt.started_at,
            duration=_duration(attempt.latency_ms),
            result=f"HTTP {status}" if status is not None else _capitalized(attempt.error or ""),
            succeeded=status is not None and 200 <= status < 300,
            response_body=None if body is None else without_tokens(body),
            unix_seconds=int(attempt.started_at.timestamp()),
        )


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the delivery log."""

    id: UUID
    type: str
    status: str | None
    order_id: UUID | None
    outcome: str
    tone: str
    is_queued: bool
    is_waiting: bool
    is_due_later: bool
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    last: AttemptView | None
    path: str

    @classmethod
    def of(cls, event: EventSummary, root: str, *, now: datetime) -> Self:
        """Return the view of an event, whose page is below the path `root`."""
        return cls(
            id=event.id,
            type=event.type,
            status=event.dedup_key.rpartition(":")[2] if event.order_id else None,
            order_id=event.order_id,
            outcome=outcome_label(event),
            tone=outcome_tone(event),
            is_queued=event.status is EventStatus.QUEUED,
            is_waiting=EventOutcome.of(event.status) is EventOutcome.WAITING,
            is_due_later=event.status is EventStatus.PENDING and event.due_at > now,
            attempts=event.attempts,
            due_at=event.due_at,
            created_at=event.created_at,
            finished_at=event.finished_at,
            last=AttemptView.of(event.last) if event.last else None,
            path=f"{root}/events/{event.id}",
        )


class EventPageView(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its body, as sent and formatted, and its attempts, newest first.

    Of the signatures, only the beginning is shown. `is_imminent` means that an attempt is in
    progress or due within SOON.
    """

    event: EventView
    dedup_key: str
    body: str
    formatted_body: str
    attempts: Sequence[AttemptView]
    signature: str
    standard_signature: str | None
    is_imminent: bool

    @classmethod
    def of(
        cls,
        details: EventDetails,
        root: str,
        *,
        signature: str,
        standard_signature: str | None,
        now: datetime,
    ) -> Self:
        """Return the view."""
        event = EventView.of(details.event, root, now=now)
        body = without_tokens(details.body)
        return cls(
            event=event,
            dedup_key=details.event.dedup_key,
            body=body,
            formatted_body=json.dumps(json.loads(body), indent=2, ensure_ascii=False),
            attempts=[AttemptView.of(attempt) for attempt in reversed(details.attempts)],
            signature=signature,
            standard_signature=standard_signature,
            is_imminent=event.is_queued or (event.is_waiting and event.due_at <= now + SOON),
        )


def without_tokens(text: str) -> str:
    """Return a body without the access tokens of orders.

    Our own bodies contain none, but a receiver knows them and may return one.
    """
    return _TOKEN.sub(r"\1[hidden]", text)


def outcome_tone(event: EventSummary) -> str:
    """Return the tone of an event's outcome."""
    return _TONES[EventOutcome.of(event.status)]


def outcome_label(event: EventSummary) -> str:
    """Return an event's outcome in words."""
    outcome = EventOutcome.of(event.status)
    if event.status is EventStatus.QUEUED:
        return "Sending"
    if outcome is EventOutcome.WAITING:
        return "Retrying" if event.attempts else "Waiting"
    return "Delivered" if outcome is EventOutcome.DELIVERED else "Failed"


def _duration(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
