"""What a partner's people see and set of its webhooks, and what the actions for it need."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.webhooks.circuit_breaker import CircuitBreaker
from domain.webhooks.delivery import ShownEvent
from domain.webhooks.delivery_log import LogCursor, LogFilter, LogPage
from domain.webhooks.events import Event, EventType

MAX_COUNTED = 1_000
"""Events are counted up to here."""


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a partner's events go, which, and whether Standard Webhooks' headers come along."""

    url: str | None
    events: frozenset[EventType]
    standard_webhooks: bool


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint fares.

    `circuit` is there only where it has lately failed or been slow; `gone_at` is since when it says
    that it is gone. `waiting` and `failed` count events, up to MAX_COUNTED; `next_due_at` is when
    the first of those that wait is due.
    """

    settings: WebhookSettings
    circuit: CircuitBreaker | None
    gone_at: datetime | None
    waiting: int
    next_due_at: datetime | None
    failed: int


class SigningSecrets(msgspec.Struct, frozen=True):
    """A partner's webhookSecret, and the one before it for a day after it was replaced.

    None stands for one that can't be read.
    """

    present: str | None
    previous: str | None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "SigningSecrets(...)"


class WebhookRepository(Protocol):
    """Where webhooks of partners are kept, each asked for by its partner.

    All of it raises Unavailable. Events of orders that their users have deleted aren't there.
    """

    async def state(self, partner_id: UUID) -> EndpointState:
        """Return how the partner's endpoint fares; raise NotFound."""

    async def set(self, partner_id: UUID, settings: WebhookSettings) -> bool:
        """Replace all settings; False where there is no such partner."""

    async def secrets(self, partner_id: UUID, *, now: datetime) -> SigningSecrets:
        """Return what signs the partner's events now; raise NotFound."""

    async def log(self, partner_id: UUID, wanted: LogFilter, behind: LogCursor | None) -> LogPage:
        """Return a page of events."""

    async def event(self, partner_id: UUID, event_id: UUID) -> ShownEvent:
        """Return an event with its body and newest attempts; raise NotFound."""

    async def body(self, partner_id: UUID, event_id: UUID) -> bytes | None:
        """Return the exact body of an event."""

    async def replay(self, partner_id: UUID, event_ids: Collection[UUID], *, now: datetime) -> int:
        """Have some events sent again; return how many there are. Those on their way are let go."""

    async def replay_failed(
        self, partner_id: UUID, *, since: datetime, now: datetime, most: int
    ) -> int:
        """Have failed events sent again, the oldest first and up to so many; return how many."""

    async def tests_since(self, partner_id: UUID, at: datetime) -> int:
        """Return how many test events there are of the time since a moment."""

    async def add_test(self, event: Event) -> bool:
        """Store a test event; False where its partner has no URL."""


class WebhookPorts(msgspec.Struct, frozen=True):
    """What managing webhooks needs. `insecure_allowed` lets them go to http and private hosts."""

    clock: Clock
    book: WebhookRepository
    new_id: Callable[[], UUID]
    insecure_allowed: bool


def event_names(events: Collection[EventType]) -> Sequence[str]:
    """Return events by their names, in order."""
    return sorted(event.value for event in events)
