"""The endpoint: its settings, and its state."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import Final, Self

import msgspec

from domain.webhooks.events import EventType
from domain.webhooks.ports import MAX_COUNTED, EndpointState, WebhookSettings
from domain.webhooks.subscriptions import SUBSCRIBABLE

_DESCRIPTIONS: Final[Mapping[EventType, str]] = {
    EventType.ORDER_STATUS_CHANGED: "The status of an order has changed.",
    EventType.PARTNER_PAID_OUT: "Your earnings were paid out.",
    EventType.PAYOUT_DETAILS_CHANGED: "New payout details were requested or canceled.",
    EventType.EARNINGS_CLEARED: "Your earnings were reset and a new period has started.",
}


class EndpointStatus(Enum):
    """What determines whether and how webhooks are sent."""

    NO_URL = auto()
    GONE = auto()
    PAUSED = auto()
    DEGRADED = auto()
    HEALTHY = auto()

    @classmethod
    def of(cls, state: EndpointState) -> "EndpointStatus":
        """Return the status of an endpoint."""
        if state.settings.url is None:
            return cls.NO_URL
        if state.gone_at is not None:
            return cls.GONE
        if state.circuit_breaker is None:
            return cls.HEALTHY
        return cls.DEGRADED if state.circuit_breaker.opened_at is None else cls.PAUSED


class EventOption(msgspec.Struct, frozen=True):
    """An event type to subscribe to."""

    name: str
    description: str
    chosen: bool


class SettingsForm(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as stored or as submitted."""

    url: str
    events: Sequence[EventOption]
    standard_webhooks: bool
    url_error: str | None = None

    @classmethod
    def of(cls, settings: WebhookSettings, *, url_error: str | None = None) -> Self:
        """Return the form of settings."""
        return cls(
            url=settings.url or "",
            events=event_options(settings.events),
            standard_webhooks=settings.standard_webhooks,
            url_error=url_error,
        )


class EndpointView(msgspec.Struct, frozen=True):
    """The state of the endpoint."""

    status: str
    state: EndpointState

    @classmethod
    def of(cls, state: EndpointState) -> Self:
        """Return the view."""
        return cls(EndpointStatus.of(state).name, state)

    @property
    def waiting(self) -> str:
        """Return how many events are waiting."""
        return counted(self.state.waiting)

    @property
    def failed(self) -> str:
        """Return how many events have failed."""
        return counted(self.state.failed)


def event_options(chosen: Collection[EventType]) -> list[EventOption]:
    """Return the event types to subscribe to."""
    return [
        EventOption(event.value, _DESCRIPTIONS.get(event, ""), event in chosen)
        for event in SUBSCRIBABLE
    ]


def counted(events: int) -> str:
    """Return a count that stops at MAX_COUNTED."""
    return f"{MAX_COUNTED:,}+" if events >= MAX_COUNTED else f"{events:,}"
