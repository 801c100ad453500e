"""What the pages of webhooks show: the endpoint's health in words, events, attempts, filters."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

import msgspec

from cabinet_htmx.shared.options import Option
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventOutcome, EventSummary, LoggedAttempt
from domain.webhooks.events import SUBSCRIBABLE, EventType, UrlProblem
from domain.webhooks.ports import MAX_COUNTED, EndpointState, WebhookSettings

SOON: Final = timedelta(seconds=45)
"""An event that is due so soon is worth waiting for on its page."""

URL_FAULTS: Final = {
    UrlProblem.MALFORMED: (
        "Please give a whole address, such as https://example.com/webhooks: plain letters and "
        "signs, no spaces."
    ),
    UrlProblem.NOT_HTTPS: "Please take https: events go over encrypted connections only.",
    UrlProblem.FORBIDDEN_PART: "Please leave out user name, password and what comes behind #.",
    UrlProblem.HOST_NOT_PUBLIC: (
        "Events can't be sent to this host: it must be a public address, not one of a private or "
        "special network."
    ),
    UrlProblem.AMBIGUOUS_HOST: (
        "Please write the host as a name, or as an address with four numbers or with colons."
    ),
}

_ABOUT: Final = {
    EventType.ORDER_STATUS_CHANGED: "An order's status has changed, once for each change.",
    EventType.PARTNER_PAID_OUT: "Your earnings of a period were paid out.",
    EventType.PAYOUT_DETAILS_CHANGED: "Where your earnings are paid to was changed in the cabinet.",
    EventType.EARNINGS_CLEARED: "A new accounting cycle has begun, and earnings start at zero.",
}
_TONES: Final = {
    EventOutcome.WAITING: "warn",
    EventOutcome.DELIVERED: "good",
    EventOutcome.FAILED: "bad",
}
_TOKEN = re.compile(r"(token\\?[\"']?\s*[:=]\s*\\?[\"']?)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


class Condition(StrEnum):
    """How an endpoint fares, and so what happens next."""

    NO_URL = "no URL"
    GONE = "gone"
    OPEN = "open"
    SLOW = "slow"
    WELL = "well"

    @classmethod
    def of(cls, state: EndpointState) -> Self:
        """Return the worst that is so."""
        if state.settings.url is None:
            return cls("no URL")
        if state.gone_at is not None:
            return cls("gone")
        if state.circuit_breaker is None:
            return cls("well")
        return cls("open" if state.circuit_breaker.opened_at is not None else "slow")


class EventChoice(msgspec.Struct, frozen=True):
    """A kind of event to subscribe to."""

    name: str
    about: str
    chosen: bool


class SettingsForm(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as they stand or were sent, and what is wrong with them."""

    url: str
    events: Sequence[EventChoice]
    standard_webhooks: bool
    fault: str | None = None

    @classmethod
    def of(cls, settings: WebhookSettings) -> Self:
        """Return the form of settings as they stand."""
        return cls(
            url=settings.url or "",
            events=event_choices(settings.events),
            standard_webhooks=settings.standard_webhooks,
        )


class StateView(msgspec.Struct, frozen=True):
    """How the endpoint fares."""

    condition: Condition
    state: EndpointState

    @classmethod
    def of(cls, state: EndpointState) -> Self:
        """Return the view."""
        return cls(Condition.of(state), state)

    @property
    def waiting(self) -> str:
        """Return how many events wait."""
        return counted(self.state.waiting)

    @property
    def failed(self) -> str:
        """Return how many have failed for good."""
        return counted(self.state.failed)


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt in words. `answer` is the beginning of what the receiver said."""

    number: int
    at: datetime
    took: str
    result: str
    good: bool
    answer: str | None
    unix_seconds: int

    @classmethod
    def of(cls, attempt: LoggedAttempt) -> Self:
        """Return the view of an attempt."""
        status = attempt.http_status
        return cls(
            number=attempt.attempt,
            at=attempt.started_at,
            took=_milliseconds(attempt.latency_ms),
            result=f"HTTP {status}" if status is not None else _sentence(attempt.error or ""),
            good=status is not None and 200 <= status < 300,
            answer=None if attempt.response_body is None else without_tokens(attempt.response_body),
            unix_seconds=int(attempt.started_at.timestamp()),
        )


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a row of the log."""

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
        """Return the view of an event; its page is below `root`."""
        outcome = EventOutcome.of(event.status)
        queued = event.status is EventStatus.QUEUED
        return cls(
            id=event.id,
            type=event.type,
            status=event.dedup_key.rpartition(":")[2] if event.order_id else None,
            order_id=event.order_id,
            outcome=outcome_words(event),
            tone=outcome_tone(event),
            is_queued=queued,
            is_waiting=outcome is EventOutcome.WAITING,
            is_due_later=event.status is EventStatus.PENDING and event.due_at > now,
            attempts=event.attempts,
            due_at=event.due_at,
            created_at=event.created_at,
            finished_at=event.finished_at,
            last=AttemptView.of(event.last) if event.last else None,
            path=f"{root}/events/{event.id}",
        )


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its body, exactly as it is sent and set out to be read, and its attempts.

    `signature` is how its own signature begins; `is_soon` says that something happens any moment.
    """

    event: EventView
    dedup_key: str
    body: str
    readable: str
    attempts: Sequence[AttemptView]
    signature: str
    standard: str | None
    is_soon: bool

    @classmethod
    def of(
        cls, shown: EventDetails, root: str, *, signature: str, standard: str | None, now: datetime
    ) -> Self:
        """Return the view."""
        event = EventView.of(shown.event, root, now=now)
        body = without_tokens(shown.body)
        return cls(
            event=event,
            dedup_key=shown.event.dedup_key,
            body=body,
            readable=json.dumps(json.loads(body), indent=2, ensure_ascii=False),
            attempts=[AttemptView.of(attempt) for attempt in reversed(shown.attempts)],
            signature=signature,
            standard=standard,
            is_soon=event.is_queued or (event.is_waiting and event.due_at <= now + SOON),
        )


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log, its filters as they are set, and its neighbours."""

    rows: Sequence[EventView]
    outcomes: Sequence[Option]
    types: Sequence[Option]
    fields: Mapping[str, str]
    faults: Mapping[str, str]
    is_filtered: bool
    looked_back_to: datetime | None
    first: str | None
    onward: str | None

    @property
    def can_choose(self) -> bool:
        """Tell whether any of the events may be sent again."""
        return any(not row.is_queued for row in self.rows)


def event_choices(chosen: Collection[EventType]) -> list[EventChoice]:
    """Return the kinds of events to subscribe to."""
    return [
        EventChoice(event.value, _ABOUT.get(event, ""), event in chosen) for event in SUBSCRIBABLE
    ]


def outcome_choices(chosen: str) -> list[Option]:
    """Return what may have become of events."""
    named = {"": "All", "waiting": "Waiting", "delivered": "Delivered", "failed": "Failed"}
    return [Option(value, label, value == chosen) for value, label in named.items()]


def type_choices(chosen: str) -> list[Option]:
    """Return the kinds of events that may be looked for."""
    kinds = [Option(kind.value, kind.value, kind.value == chosen) for kind in EventType]
    return [Option("", "All", not chosen), *kinds]


def counted(events: int) -> str:
    """Return a count that stops at MAX_COUNTED."""
    return f"{MAX_COUNTED:,} or more" if events >= MAX_COUNTED else f"{events:,}"


def without_tokens(text: str) -> str:
    """Return what was sent or answered without access tokens of orders.

    No body of ours has one; a receiver, which knows them, may say one.
    """
    return _TOKEN.sub(r"\1[hidden]", text)


def outcome_tone(event: EventSummary) -> str:
    """Return the colour of what has become of an event."""
    return _TONES[EventOutcome.of(event.status)]


def outcome_words(event: EventSummary) -> str:
    """Return what has become of an event, in words."""
    outcome = EventOutcome.of(event.status)
    if event.status is EventStatus.QUEUED:
        return "Being sent"
    if outcome is EventOutcome.WAITING:
        return "Trying again" if event.attempts else "Waiting"
    return "Delivered" if outcome is EventOutcome.DELIVERED else "Failed"


def _milliseconds(latency: int) -> str:
    return f"{latency / 1000:.1f} s" if latency >= 1000 else f"{latency} ms"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
